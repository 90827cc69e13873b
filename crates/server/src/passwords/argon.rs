//! Argon2id over memory that is used again: asking the kernel for 19 MiB anew costs a fifth of a hash.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use domain::PasswordHash;
use domain::login::PasswordCheck;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Makes and compares hashes at one cost, one at a time.
pub struct Argon {
    params: Params,
    memory: Vec<Block>,
}

/// Why a hash could not be made or read. It never contains the hash.
#[derive(Debug, thiserror::Error)]
#[error("argon2: {0}")]
pub struct ArgonError(String);

impl Argon {
    pub fn new(params: Params) -> Self {
        Self { params, memory: Vec::new() }
    }

    /// A hash as PHC string.
    pub fn hash(&mut self, password: &str, salt: &[u8; 16]) -> Result<PasswordHash, ArgonError> {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        let out = self.compute(&argon2, password, salt, Params::DEFAULT_OUTPUT_LEN)?;
        let phc = Phc {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&self.params).map_err(failed)?,
            salt: Some(Salt::new(salt).map_err(failed)?),
            hash: Some(Output::new(&out).map_err(failed)?),
        };
        Ok(PasswordHash(phc.to_string()))
    }

    /// Compares in constant time, at whatever cost the stored hash was made.
    pub fn compare(&mut self, password: &str, stored: &PasswordHash) -> Result<PasswordCheck, ArgonError> {
        let phc = Phc::new(&stored.0).map_err(failed)?;
        let (Some(salt), Some(hash)) = (phc.salt, phc.hash) else { return Err(failed("no salt or no hash")) };
        let params = Params::try_from(&phc).map_err(failed)?;
        let algorithm: Algorithm = phc.algorithm.as_str().parse().map_err(failed)?;
        let version = phc.version.map_or(Ok(Version::V0x13), Version::try_from).map_err(failed)?;
        let cost = |p: &Params| (p.m_cost(), p.t_cost(), p.p_cost());
        let is_current = cost(&params) == cost(&self.params) && algorithm == Algorithm::Argon2id;
        let argon2 = Argon2::new(algorithm, version, params);
        let out = self.compute(&argon2, password, salt.as_ref(), hash.len())?;
        Ok(match (bool::from(out.ct_eq(hash.as_bytes())), is_current) {
            (false, _) => PasswordCheck::Differs,
            (true, true) => PasswordCheck::Matches,
            (true, false) => PasswordCheck::MatchesOutdated,
        })
    }

    /// Takes as long as a comparison.
    pub fn compare_with_nothing(&mut self, password: &str) -> Result<PasswordCheck, ArgonError> {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        self.compute(&argon2, password, &[0; 16], Params::DEFAULT_OUTPUT_LEN)?;
        Ok(PasswordCheck::Differs)
    }

    /// Frees the memory. It held what passwords were hashed through; nothing of that stays for long.
    pub fn rest(&mut self) {
        self.memory = Vec::new();
    }

    fn compute(
        &mut self,
        argon2: &Argon2<'_>,
        password: &str,
        salt: &[u8],
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, ArgonError> {
        self.memory.resize(argon2.params().block_count(), Block::default());
        let mut out = Zeroizing::new(vec![0; length]);
        let hashed = argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut out, &mut *self.memory);
        hashed.map_err(failed).map(|()| out)
    }
}

fn failed(error: impl std::fmt::Display) -> ArgonError {
    ArgonError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::{PasswordHasher, PasswordVerifier};

    fn argon(memory_kib: u32) -> Argon {
        Argon::new(Params::new(memory_kib, 2, 1, None).unwrap())
    }

    #[test]
    fn hashes_are_those_of_the_library_whatever_was_in_the_memory_before() {
        let (mut large, mut small) = (argon(64), argon(16));
        for _ in 0..3 {
            let ours = small.hash("six quiet otters swim", &[7; 16]).unwrap();
            let library = Argon2::new(Algorithm::Argon2id, Version::V0x13, small.params.clone());
            let theirs: Phc = library.hash_password_with_salt(b"six quiet otters swim", &[7; 16]).unwrap();
            assert_eq!(ours.0, theirs.to_string());
            assert!(library.verify_password(b"six quiet otters swim", &Phc::new(&ours.0).unwrap()).is_ok());
            assert_eq!(small.compare("six quiet otters swim", &ours).unwrap(), PasswordCheck::Matches);
            assert_eq!(small.compare("six quiet otters", &ours).unwrap(), PasswordCheck::Differs);
            assert_eq!(large.compare("six quiet otters swim", &ours).unwrap(), PasswordCheck::MatchesOutdated);
            assert_eq!(large.compare_with_nothing("").unwrap(), PasswordCheck::Differs);
        }
    }

    #[test]
    fn what_is_no_hash_is_an_error_that_does_not_repeat_it() {
        for text in ["", "plain text", "$argon2id$v=19$m=16,t=2,p=1", "$2b$12$abcdefghijklmnopqrstuv"] {
            let error = argon(16).compare("x", &PasswordHash(text.to_owned())).unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }
}
