//! What the proxy's configuration demands, said in the query of its question.

use axum::http::StatusCode;
use domain::Roles;

use crate::failure::Failure;

/// What must be so for a request to be let through, and what becomes of people who are not logged in.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Of each, one role is needed.
    roles: Vec<Roles>,
    /// Whether people are sent to the login page.
    pub redirect: bool,
}

impl Demand {
    /// No roles, and people are sent to the login page.
    pub fn redirect() -> Self {
        Self { roles: Vec::new(), redirect: true }
    }

    /// Reads the query. What is not understood might have been a demand, so it is refused.
    pub fn parse(query: &[(String, String)]) -> Result<Self, Failure> {
        let mut demand = Self::default();
        for (name, value) in query {
            match (name.as_str(), value.as_str()) {
                ("role", names) => demand.roles.push(Roles::parse(names.split(',')).map_err(|_| malformed())?),
                ("mode", "redirect") => demand.redirect = true,
                ("mode", "status") => demand.redirect = false,
                _ => return Err(malformed()),
            }
        }
        Ok(demand)
    }

    /// Whether somebody with these roles has every one that is needed.
    pub fn is_met_by(&self, own: &Roles) -> bool {
        self.roles.iter().all(|choice| choice.as_slice().iter().any(|role| own.contains(role)))
    }
}

fn malformed() -> Failure {
    Failure::Refused(
        StatusCode::BAD_REQUEST,
        "The query may say role=NAME, mode=redirect or mode=status, and nothing else.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Option<Demand> {
        Demand::parse(&serde_urlencoded::from_str::<Vec<_>>(query).unwrap()).ok()
    }

    #[test]
    fn every_role_named_is_needed_and_of_a_list_one() {
        for (query, own, met) in [
            ("", "", true),
            ("role=admin", "admin", true),
            ("role=admin", "user", false),
            ("role=admin", "", false),
            ("role=admin,editor", "editor", true),
            ("role=admin,editor", "reader", false),
            ("role=admin&role=editor", "editor", false),
            ("role=admin&mode=redirect&role=editor", "admin editor", true),
        ] {
            let own = Roles::parse(own.split_whitespace()).unwrap();
            assert_eq!(parse(query).unwrap().is_met_by(&own), met, "{query} {own}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_passed_over() {
        for query in ["role=", "role=Admin", "role=admin,", "roles=admin", "Role=admin", "mode=", "mode=x", "admin"] {
            assert_eq!(parse(query), None, "{query}");
        }
    }
}
