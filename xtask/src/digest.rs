//! sha256 of files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// The lower-case hexadecimal sha256 of a file.
pub fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut block).with_context(|| path.display().to_string())?;
        if read == 0 {
            break;
        }
        hasher.update(&block[..read]);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Fails with both hashes unless the file has the pinned one.
pub fn verify(path: &Path, pinned: &str) -> Result<()> {
    let found = sha256(path)?;
    if found != pinned {
        bail!("{}: sha256 {found} is not the pinned {pinned}; delete the file and try again", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_accepts_the_pinned_hash_and_names_a_wrong_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        verify(&path, abc).unwrap();
        let message = verify(&path, "00").unwrap_err().to_string();
        assert!(message.contains(abc) && message.contains("pinned 00"), "{message}");
    }
}
