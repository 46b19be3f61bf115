fn main() {
    println!("cargo:rustc-link-lib=nghttp2");
}
