//! The environment variables that every Hugging Face tool reads.

use std::ffi::OsString;
use std::path::PathBuf;

/// A view of the environment, so that tests can give their own.
pub(super) struct Environment {
    variable: fn(&str) -> Option<OsString>,
    home: Option<PathBuf>,
}

impl Environment {
    pub(super) fn of_process() -> Self {
        Self { variable: |name| std::env::var_os(name), home: std::env::home_dir() }
    }

    /// The folder of cached models.
    pub(super) fn cache_dir(&self) -> Option<PathBuf> {
        self.path("HF_HUB_CACHE").or_else(|| Some(self.hf_home()?.join("hub")))
    }

    pub(super) fn offline(&self) -> bool {
        let value = self.text("HF_HUB_OFFLINE").unwrap_or_default().to_ascii_uppercase();
        matches!(value.as_str(), "1" | "ON" | "YES" | "TRUE")
    }

    #[cfg(feature = "download")]
    pub(super) fn endpoint(&self) -> String {
        self.text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into())
    }

    /// The access token from the environment, or from the file that logging in writes.
    #[cfg(feature = "download")]
    pub(super) fn token(&self) -> Option<String> {
        let saved = || {
            let path = self.path("HF_TOKEN_PATH").or_else(|| Some(self.hf_home()?.join("token")))?;
            let token = std::fs::read_to_string(path).ok()?;
            Some(token.trim().to_owned()).filter(|token| !token.is_empty())
        };
        self.text("HF_TOKEN").or_else(saved)
    }

    fn hf_home(&self) -> Option<PathBuf> {
        let cache = || self.path("XDG_CACHE_HOME").or_else(|| Some(self.home.as_ref()?.join(".cache")));
        self.path("HF_HOME").or_else(|| Some(cache()?.join("huggingface")))
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    fn text(&self, name: &str) -> Option<String> {
        let value = (self.variable)(name)?.into_string().ok()?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variable: fn(&str) -> Option<OsString>) -> Environment {
        Environment { variable, home: Some("/me".into()) }
    }

    #[test]
    fn cache_is_in_the_home_folder_by_default() {
        let cache = environment(|_| None).cache_dir();
        assert_eq!(cache, Some(PathBuf::from("/me/.cache/huggingface/hub")));
    }

    #[test]
    fn hf_home_moves_the_cache_and_hf_hub_cache_wins() {
        let moved = environment(|name| (name == "HF_HOME").then(|| "/data/hf".into()));
        assert_eq!(moved.cache_dir(), Some(PathBuf::from("/data/hf/hub")));
        let both = environment(|name| name.starts_with("HF_H").then(|| format!("/{name}").into()));
        assert_eq!(both.cache_dir(), Some(PathBuf::from("/HF_HUB_CACHE")));
    }

    #[test]
    fn offline_is_what_hf_hub_offline_says() {
        assert!(environment(|name| (name == "HF_HUB_OFFLINE").then(|| "1".into())).offline());
        assert!(!environment(|name| (name == "HF_HUB_OFFLINE").then(|| "0".into())).offline());
        assert!(!environment(|_| None).offline());
    }

    #[cfg(feature = "download")]
    #[test]
    fn endpoint_and_token_come_from_the_environment() {
        let set = environment(|name| match name {
            "HF_ENDPOINT" => Some("http://127.0.0.1:1".into()),
            "HF_TOKEN" => Some("secret\n".into()),
            _ => None,
        });
        assert_eq!(set.endpoint(), "http://127.0.0.1:1");
        assert_eq!(set.token().as_deref(), Some("secret"));
    }
}
