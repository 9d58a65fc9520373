//! Where the program looks for libmlx: beside itself as `xtask dist` lays it out, else where it was built.

#![allow(clippy::print_stdout, reason = "a build script speaks to Cargo on stdout")]

fn main() {
    let origin = if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("macos") {
        "@loader_path"
    } else {
        "$ORIGIN"
    };
    println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{origin}/../lib/mlx/lib");
    if let Ok(lib) = std::env::var("DEP_MLXC_LIB") {
        println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{lib}");
    }
}
