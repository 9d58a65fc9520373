//! The page at `/`: files of this program, which fetch nothing from elsewhere.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::refusal;

/// Where the page's files are, beside the page itself.
pub(super) const FOLDER: &str = "/page/";

/// What the page may do: run its own scripts, call this server, show what the user gives it. Nobody may frame it, and
/// text never becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data: blob:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// What is sent with every file. A browser asks each time whether it is still the same.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CACHE_CONTROL, "no-cache"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "microphone=(self), camera=(), geolocation=(), display-capture=()",
    ),
];

/// A file of the page.
struct File {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal: $kind:expr,)*) => {
        [$(File { name: $name, kind: $kind, bytes: include_bytes!(concat!("../web/", $name)) }),*]
    };
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// All of them, the page itself first.
static FILES: [File; 13] = files! {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "answer.js": SCRIPT,
    "api.js": SCRIPT,
    "app.js": SCRIPT,
    "composer.js": SCRIPT,
    "dom.js": SCRIPT,
    "image.js": SCRIPT,
    "markdown.js": SCRIPT,
    "sound.js": SCRIPT,
    "store.js": SCRIPT,
    "thread.js": SCRIPT,
};

/// The name of what is in all files together, so that modules of two versions never meet.
static TAG: LazyLock<String> = LazyLock::new(|| {
    // FNV-1a, by Fowler, Noll and Vo.
    let bytes = FILES.iter().flat_map(|file| file.bytes);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("\"{hash:016x}\"")
});

/// The page.
pub(super) async fn index(uri: Uri, headers: HeaderMap) -> Response {
    file(uri, Path("index.html".into()), headers).await
}

/// A file of it.
pub(super) async fn file(uri: Uri, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return refusal::unknown(uri).await.into_response();
    };
    let tag = (header::ETAG, TAG.as_str());
    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    if known.is_some_and(|tags| tags.split(',').any(|one| one.trim().trim_start_matches("W/") == *TAG)) {
        return (StatusCode::NOT_MODIFIED, [tag], HEADERS).into_response();
    }
    ([tag, (header::CONTENT_TYPE, file.kind)], HEADERS, file.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use futures_util::FutureExt;

    use super::*;

    fn ask(name: &str, tag: Option<&str>) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(tag) = tag {
            headers.insert(header::IF_NONE_MATCH, tag.parse().unwrap());
        }
        let uri = format!("{FOLDER}{name}").parse().unwrap();
        file(uri, Path(name.to_owned()), headers).now_or_never().unwrap()
    }

    #[test]
    fn every_file_of_the_folder_is_served_and_no_other() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/web");
        let there = std::fs::read_dir(folder).unwrap();
        let there: BTreeSet<_> =
            there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(there, FILES.iter().map(|file| file.name.to_owned()).collect());
        assert_eq!(ask("other.js", None).status(), StatusCode::NOT_FOUND);
        assert_eq!(ask("../api/page.rs", None).status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn every_file_says_what_it_is_and_what_it_may_do() {
        for File { name, kind, .. } in &FILES {
            let answer = ask(name, None);
            assert_eq!(answer.status(), StatusCode::OK, "{name}");
            let said = |header| answer.headers().get(header).and_then(|value| value.to_str().ok());
            assert_eq!(said(header::CONTENT_TYPE), Some(*kind), "{name}");
            for (header, value) in &HEADERS {
                assert_eq!(said(header.clone()), Some(*value), "{name}");
            }
        }
    }

    #[test]
    fn a_browser_that_has_the_files_gets_none() {
        let tag = ask("app.js", None).headers().get(header::ETAG).unwrap().to_str().unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
            assert_eq!(ask("app.js", Some(&known)).status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(ask("app.js", Some("\"other\"")).status(), StatusCode::OK);
    }

    #[test]
    fn the_page_names_only_files_of_its_own() {
        for File { name, bytes, .. } in &FILES {
            let text = std::str::from_utf8(bytes).unwrap();
            let named = text
                .split(['"', '\''])
                .filter_map(|word| word.strip_prefix("page/").or_else(|| word.strip_prefix("./")));
            for other in named {
                assert!(FILES.iter().any(|file| file.name == other), "{name} names {other}");
            }
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "style="] {
                assert!(!text.contains(way), "{name} has {way}");
            }
        }
    }
}
