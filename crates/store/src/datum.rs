//! Values in the three forms that both engines have: 64-bit numbers, texts and bytes.

use std::error::Error as StdError;

use bytes::BytesMut;
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, ToSql, Type};

use crate::Error;

/// One value, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Datum<'v> {
    Null,
    Int(i64),
    Text(&'v str),
    Bytes(&'v [u8]),
}

/// What a parameter is declared as: PostgreSQL has to know it of a null too.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

/// What a parameter can be.
pub(crate) trait Value {
    fn kind(&self) -> Kind;
    fn datum(&self) -> Datum<'_>;
}

/// What a column can be read as. None: it holds something else.
pub(crate) trait FromDatum: Sized {
    fn from_datum(datum: Datum<'_>) -> Option<Self>;
}

/// A type of parameters that are all of one kind.
pub(crate) trait Typed {
    const KIND: Kind;
    fn as_datum(&self) -> Datum<'_>;
}

impl<T: Typed> Value for T {
    fn kind(&self) -> Kind {
        T::KIND
    }

    fn datum(&self) -> Datum<'_> {
        self.as_datum()
    }
}

impl Typed for i64 {
    const KIND: Kind = Kind::Int;
    fn as_datum(&self) -> Datum<'_> {
        Datum::Int(*self)
    }
}

impl Typed for u32 {
    const KIND: Kind = Kind::Int;
    fn as_datum(&self) -> Datum<'_> {
        Datum::Int((*self).into())
    }
}

impl Typed for &str {
    const KIND: Kind = Kind::Text;
    fn as_datum(&self) -> Datum<'_> {
        Datum::Text(self)
    }
}

impl Typed for String {
    const KIND: Kind = Kind::Text;
    fn as_datum(&self) -> Datum<'_> {
        Datum::Text(self)
    }
}

impl Typed for &[u8] {
    const KIND: Kind = Kind::Bytes;
    fn as_datum(&self) -> Datum<'_> {
        Datum::Bytes(self)
    }
}

impl Typed for Vec<u8> {
    const KIND: Kind = Kind::Bytes;
    fn as_datum(&self) -> Datum<'_> {
        Datum::Bytes(self)
    }
}

impl<const N: usize> Typed for [u8; N] {
    const KIND: Kind = Kind::Bytes;
    fn as_datum(&self) -> Datum<'_> {
        Datum::Bytes(self)
    }
}

impl<T: Typed> Typed for Option<T> {
    const KIND: Kind = T::KIND;
    fn as_datum(&self) -> Datum<'_> {
        self.as_ref().map_or(Datum::Null, Typed::as_datum)
    }
}

impl FromDatum for i64 {
    fn from_datum(datum: Datum<'_>) -> Option<Self> {
        if let Datum::Int(number) = datum { Some(number) } else { None }
    }
}

impl FromDatum for u32 {
    fn from_datum(datum: Datum<'_>) -> Option<Self> {
        i64::from_datum(datum)?.try_into().ok()
    }
}

impl FromDatum for String {
    fn from_datum(datum: Datum<'_>) -> Option<Self> {
        if let Datum::Text(text) = datum { Some(text.to_owned()) } else { None }
    }
}

impl FromDatum for Vec<u8> {
    fn from_datum(datum: Datum<'_>) -> Option<Self> {
        if let Datum::Bytes(bytes) = datum { Some(bytes.to_owned()) } else { None }
    }
}

impl<const N: usize> FromDatum for [u8; N] {
    fn from_datum(datum: Datum<'_>) -> Option<Self> {
        if let Datum::Bytes(bytes) = datum { bytes.try_into().ok() } else { None }
    }
}

impl<T: FromDatum> FromDatum for Option<T> {
    fn from_datum(datum: Datum<'_>) -> Option<Self> {
        if datum == Datum::Null { Some(None) } else { T::from_datum(datum).map(Some) }
    }
}

impl<'r> Datum<'r> {
    pub(crate) fn from_sqlite(row: &'r rusqlite::Row<'_>, index: usize) -> Result<Self, Error> {
        match row.get_ref(index)? {
            ValueRef::Null => Ok(Self::Null),
            ValueRef::Integer(number) => Ok(Self::Int(number)),
            ValueRef::Text(text) => {
                std::str::from_utf8(text).map(Self::Text).map_err(|_| Error::broken("a text is not UTF-8"))
            }
            ValueRef::Blob(bytes) => Ok(Self::Bytes(bytes)),
            ValueRef::Real(_) => Err(Error::broken("a column is of a type that nothing is stored as")),
        }
    }

    pub(crate) fn from_postgres(row: &'r tokio_postgres::Row, index: usize) -> Result<Self, Error> {
        let column = row.columns().get(index).ok_or_else(|| Error::broken("a row has fewer columns than are read"))?;
        let read = match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(index).map(|value| value.map(Self::Int)),
            // Literals such as `select 1`.
            Type::INT4 => row.try_get::<_, Option<i32>>(index).map(|value| value.map(|n| Self::Int(n.into()))),
            Type::TEXT => row.try_get::<_, Option<&str>>(index).map(|value| value.map(Self::Text)),
            Type::BYTEA => row.try_get::<_, Option<&[u8]>>(index).map(|value| value.map(Self::Bytes)),
            _ => return Err(Error::broken("a column is of a type that nothing is stored as")),
        };
        Ok(read.map_err(|_| Error::broken("a column cannot be read"))?.unwrap_or(Self::Null))
    }
}

impl rusqlite::ToSql for Datum<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl ToSql for Datum<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    tokio_postgres::types::to_sql_checked!();
}

impl Kind {
    /// What PostgreSQL calls it.
    pub(crate) fn postgres(self) -> Type {
        match self {
            Self::Int => Type::INT8,
            Self::Text => Type::TEXT,
            Self::Bytes => Type::BYTEA,
        }
    }
}
