//! JSON as it stands: every member in its order, twice where it stands twice, numbers as they are spelled (RFC 8259).

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    Null,
    Boolean(bool),
    /// As it was spelled.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Reads one value that fills the whole text; `None` for anything that is not JSON in UTF-8. Lone surrogates are not text
/// (RFC 7493 §2.1), and a number must have a finite value as IEEE 754 double (§2.2).
pub fn read(bytes: &[u8]) -> Option<Json> {
    let mut reader = Reader { rest: str::from_utf8(bytes).ok()? };
    let value = reader.value(0)?;
    reader.space();
    reader.rest.is_empty().then_some(value)
}

impl Json {
    /// The members if it is an object.
    pub fn members(&self) -> Option<&[(String, Json)]> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// The text if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The texts if it is a list of nothing else.
    pub fn texts(&self) -> Option<Vec<&str>> {
        if let Self::List(values) = self { values.iter().map(Self::text).collect() } else { None }
    }

    /// The truth value if it is one.
    pub fn boolean(&self) -> Option<bool> {
        if let Self::Boolean(value) = self { Some(*value) } else { None }
    }

    /// The integer if it is spelled as one: no fraction, no exponent, no minus before a zero.
    pub fn integer(&self) -> Option<i128> {
        match self {
            Self::Number(digits) if digits != "-0" => digits.parse().ok(),
            _ => None,
        }
    }

    /// Whether an object anywhere in it names a member twice.
    pub fn has_duplicates(&self) -> bool {
        match self {
            Self::List(values) => values.iter().any(Self::has_duplicates),
            Self::Object(members) => members.iter().enumerate().any(|(index, (name, value))| {
                members[..index].iter().any(|(earlier, _)| earlier == name) || value.has_duplicates()
            }),
            _ => false,
        }
    }

    /// How many members and elements there are, at every depth.
    pub fn items(&self) -> usize {
        match self {
            Self::List(values) => values.iter().map(|value| 1 + value.items()).sum(),
            Self::Object(members) => members.iter().map(|(_, value)| 1 + value.items()).sum(),
            _ => 0,
        }
    }

    /// How many objects and lists are inside each other, itself included.
    pub fn depth(&self) -> usize {
        match self {
            Self::List(values) => 1 + values.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(members) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// The most members that any one object in it has.
    pub fn widest(&self) -> usize {
        match self {
            Self::List(values) => values.iter().map(Self::widest).max().unwrap_or(0),
            Self::Object(members) => {
                members.iter().map(|(_, value)| value.widest()).max().unwrap_or(0).max(members.len())
            }
            _ => 0,
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.space();
        if depth > DEEPEST {
            return None;
        }
        match self.rest.as_bytes().first()? {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => self.text().map(Json::Text),
            b't' => self.take("true").map(|()| Json::Boolean(true)),
            b'f' => self.take("false").map(|()| Json::Boolean(false)),
            b'n' => self.take("null").map(|()| Json::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        self.take("{")?;
        self.space();
        let mut members = Vec::new();
        if self.take("}").is_some() {
            return Some(Json::Object(members));
        }
        loop {
            self.space();
            let name = self.text()?;
            self.space();
            self.take(":")?;
            members.push((name, self.value(depth + 1)?));
            self.space();
            if self.take("}").is_some() {
                return Some(Json::Object(members));
            }
            self.take(",")?;
        }
    }

    fn list(&mut self, depth: usize) -> Option<Json> {
        self.take("[")?;
        self.space();
        let mut values = Vec::new();
        if self.take("]").is_some() {
            return Some(Json::List(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            self.space();
            if self.take("]").is_some() {
                return Some(Json::List(values));
            }
            self.take(",")?;
        }
    }

    fn text(&mut self) -> Option<String> {
        self.take("\"")?;
        let mut text = String::new();
        loop {
            let mut characters = self.rest.chars();
            let character = characters.next()?;
            self.rest = characters.as_str();
            match character {
                '"' => return Some(text),
                '\\' => text.push(self.escape()?),
                '\0'..='\x1f' => return None,
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters.next()?;
        self.rest = characters.as_str();
        Some(match character {
            '"' | '\\' | '/' => character,
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => match self.hexadecimal()? {
                high @ 0xd800..=0xdbff => {
                    self.take("\\u")?;
                    let low = self.hexadecimal().filter(|low| (0xdc00..=0xdfff).contains(low))?;
                    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
                }
                one => char::from_u32(one)?,
            },
            _ => return None,
        })
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if is_hexadecimal { u32::from_str_radix(digits, 16).ok() } else { None }
    }

    fn number(&mut self) -> Option<Json> {
        let begin = self.rest;
        let _ = self.take("-");
        if self.take("0").is_none() {
            self.digits()?;
        }
        if self.take(".").is_some() {
            self.digits()?;
        }
        if self.take("e").or_else(|| self.take("E")).is_some() {
            let _ = self.take("+").or_else(|| self.take("-"));
            self.digits()?;
        }
        let spelled = &begin[..begin.len() - self.rest.len()];
        spelled.parse::<f64>().is_ok_and(f64::is_finite).then(|| Json::Number(spelled.to_owned()))
    }

    fn digits(&mut self) -> Option<()> {
        let after = self.rest.trim_start_matches(|character: char| character.is_ascii_digit());
        let is_some = after.len() < self.rest.len();
        self.rest = after;
        is_some.then_some(())
    }
}

/// Far deeper than any limit, and far from the end of the stack.
const DEEPEST: usize = 100;
