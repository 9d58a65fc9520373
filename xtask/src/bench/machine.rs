//! What the numbers were measured on.

use std::process::Command;

use anyhow::Result;

use crate::process;

/// The instructions that kernels are chosen by, as Linux calls them.
const FEATURES: [&str; 12] = [
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_bf16",
    "asimddp",
    "i8mm",
    "bf16",
    "sve2",
];

/// The processor, in a line.
pub fn processor() -> String {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let (name, features) = if cfg!(target_os = "macos") {
        let name = process::output(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]));
        (name.ok().map(|name| name.trim().to_owned()), String::new())
    } else {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        (field(&text, "model name").map(str::to_owned), features(&text))
    };
    let name = name.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let features = if features.is_empty() { features } else { format!(": {features}") };
    format!("{name}, {count} processors{features}")
}

/// How busy the machine is, as the mean number of running programs in the last minute.
pub fn load() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    Some(text.split(' ').next()?.to_owned())
}

/// Today, in UTC.
pub fn today() -> Result<String> {
    Ok(process::output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?.trim().to_owned())
}

/// The first value of a field in `/proc/cpuinfo`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    };
    text.lines().find_map(value)
}

fn features(text: &str) -> String {
    let flags = field(text, "flags").or_else(|| field(text, "Features")).unwrap_or_default();
    let present: Vec<_> = flags.split(' ').collect();
    FEATURES.into_iter().filter(|feature| present.contains(feature)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_features_that_matter_are_listed() {
        let text = "processor\t: 0\nmodel name\t: A CPU\nflags\t\t: fpu avx2 fma avx512f\n\nflags : fpu\n";
        assert_eq!(field(text, "model name"), Some("A CPU"));
        assert_eq!(features(text), "avx2, fma, avx512f");
        assert_eq!(features("Features : fp asimd asimddp\n"), "asimddp");
    }
}
