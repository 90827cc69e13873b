//! Passes over claims that are not known here, as `sign_with_extra` writes them. Members that are many, numbers that are no
//! integers and whatever has a reserved name are left to the strict reader.

use super::text::Text;
use crate::shape;
use crate::sign::is_reserved;

impl Text<'_> {
    /// Whether the rest is more members of the outermost object, with nothing in them to be refused or read, and its end.
    #[inline(never)]
    pub(super) fn ends_after_unknown(mut self) -> bool {
        let passed = self.skip(b",").and_then(|()| self.members(shape::CLAIMS.depth - 1, is_reserved));
        passed.is_some() && self.0.is_empty()
    }

    /// Members with names that are all different, and the end of their object, with so many levels allowed inside.
    fn members(&mut self, depth: u8, is_barred: fn(&str) -> bool) -> Option<()> {
        let mut names = [""; MEMBERS];
        for count in 0..MEMBERS {
            let name = self.string(b"\"")?;
            if is_barred(name) || names[..count].contains(&name) {
                return None;
            }
            names[count] = name;
            self.skip(b":")?;
            self.value(depth)?;
            if self.skip(b",").is_none() {
                return self.skip(b"}");
            }
        }
        None
    }

    fn value(&mut self, depth: u8) -> Option<()> {
        match self.0.as_bytes().first()? {
            b'"' => self.string(b"\"").map(|_| ()),
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            b't' => self.skip(b"true"),
            b'f' => self.skip(b"false"),
            b'n' => self.skip(b"null"),
            b'-' => self.skip(b"-").and_then(|()| self.digits()).map(|_| ()),
            _ => self.digits().map(|_| ()),
        }
    }

    fn object(&mut self, depth: u8) -> Option<()> {
        self.skip(b"{")?;
        if self.begins(b"}") { self.skip(b"}") } else { self.members(depth, |_| false) }
    }

    fn array(&mut self, depth: u8) -> Option<()> {
        self.skip(b"[")?;
        if self.begins(b"]") {
            return self.skip(b"]");
        }
        loop {
            self.value(depth)?;
            if self.skip(b",").is_none() {
                return self.skip(b"]");
            }
        }
    }
}

/// How many members are compared with each other. With those that are known here it is fewer than the strict reader allows.
const MEMBERS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn is_passed(rest: &str) -> bool {
        Text::new(rest.as_bytes()).expect("plain text").ends_after_unknown()
    }

    fn members(count: usize) -> String {
        (0..count).fold(String::new(), |members, number| format!(r#"{members},"m{number}":0"#))
    }

    fn is_well_shaped(rest: &str) -> bool {
        shape::check(format!(r#"{{"rat":0{rest}"#).as_bytes(), shape::CLAIMS).is_ok()
    }

    #[test]
    fn what_the_strict_reader_would_pass_over_is_passed_over() {
        for good in [
            r#","a":1}"#,
            r#","":""}"#,
            r#","a":-9,"b":18446744073709551615,"A":-0}"#,
            r#","a":true,"b":false,"c":null}"#,
            ",\"a\":{},\"b\":[],\"c\":\"b\u{fc}cher\"}",
            r#","a":[1,"x",[],{},{"a":{"a":1}},null]}"#,
            r#","a":{"a":1,"b":{"a":1}},"b":{"iss":1,"exp":[]}}"#,
            r#","https://shop.example/customer":7,"https://shop.example/tags":["a","b"]}"#,
            r#","Exp":1,"exp ":1,"exp2":1,"ex":1}"#,
            &format!("{}}}", members(MEMBERS)),
        ] {
            assert!(is_passed(good), "{good}");
            assert!(is_well_shaped(good), "{good}");
        }
    }

    #[test]
    fn the_strict_reader_is_asked_about_all_else() {
        for other in [
            "",
            "}",
            "},",
            ",}",
            r#""a":1}"#,
            r#","a":1"#,
            r#","a":1}}"#,
            r#","a":1}x"#,
            r#","a":1,}"#,
            r#","a":1,,"b":1}"#,
            r#","a":1 }"#,
            r#", "a":1}"#,
            r#","a" :1}"#,
            r#","a": 1}"#,
            r#","a"1}"#,
            r#","a":}"#,
            r#","a"}"#,
            r",a:1}",
            r",1:1}",
            r#","a:1}"#,
            r#","a":"x}"#,
            r#","a":tru}"#,
            r#","a":falsy}"#,
            r#","a":nul}"#,
            r#","a":True}"#,
            r#","a":01}"#,
            r#","a":-}"#,
            r#","a":--1}"#,
            r#","a":+1}"#,
            r#","a":1.5}"#,
            r#","a":1e9}"#,
            r#","a":18446744073709551616}"#,
            r#","a":[}"#,
            r#","a":[1}"#,
            r#","a":[1,]}"#,
            r#","a":[,1]}"#,
            r#","a":[1 ]}"#,
            r#","a":[1]]}"#,
            r#","a":{]}"#,
            r#","a":{}"#,
            r#","a":{"b"}}"#,
            r#","a":{"b":1,}}"#,
            r#","a":1,"a":1}"#,
            r#","a":1,"b":2,"a":{}}"#,
            r#","x":{"a":1,"a":1}}"#,
            r#","x":[{"a":{"b":1,"c":1,"b":1}}]}"#,
            &format!("{}}}", members(MEMBERS + 1)),
        ] {
            assert!(!is_passed(other), "{other}");
        }
    }

    #[test]
    fn what_is_nested_is_passed_over_as_deep_as_the_strict_reader_goes() {
        for depth in 1..12 {
            for (open, inner, close) in
                [("[", "", "]"), ("[", "1", "]"), (r#"{"a":"#, "{}", "}"), (r#"{"a":"#, "1", "}")]
            {
                let rest = format!(r#","a":{}{inner}{}}}"#, open.repeat(depth), close.repeat(depth));
                assert_eq!(is_passed(&rest), is_well_shaped(&rest), "{rest}");
            }
        }
    }

    #[test]
    fn what_is_known_or_reserved_is_never_passed_over() {
        let known =
            ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "sid", "client_id", "scope", "roles", "auth_time"];
        let others = ["amr", "preferred_username", "type", "fresh", "uep", "rat", "cnf", "act"];
        for name in known.into_iter().chain(others) {
            assert!(!is_passed(&format!(r#","{name}":1}}"#)), "{name}");
            assert!(!is_passed(&format!(r#","a":1,"{name}":1}}"#)), "{name}");
            assert!(is_passed(&format!(r#","{name}x":1}}"#)), "{name}");
        }
    }
}
