//! What a learner hands in: the files of a folder, and one file that holds them all.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail, ensure};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tar::{Archive, Builder, EntryType, Header};
use zip::ZipArchive;
use zip::result::ZipError;

/// What the name of an archive ends with.
pub const SUFFIX: &str = ".tar.gz";

/// What the names of archives end with that can be taken apart.
pub const SUFFIXES: [&str; 3] = [SUFFIX, ".tgz", ".zip"];

/// How much a hand-in may hold, in bytes: a hundred times what a server takes, and
/// little enough for any disk.
pub const MOST: u64 = 10 * 1024 * 1024;

/// How many files it may hold.
const MOST_FILES: usize = 2000;

/// One file of a hand-in.
pub struct Entry {
    /// Its path from the hand-in's folder.
    pub path: PathBuf,
    pub length: u64,
}

/// The files of a hand-in's folder, sorted, without what cargo builds, what is
/// hidden, and links, which may lead anywhere.
pub fn files_in(folder: &Path) -> anyhow::Result<Vec<Entry>> {
    let files = walk(folder, Path::new(""), &is_wanted)?;
    let all: u64 = files.iter().map(|file| file.length).sum();
    if all > MOST {
        let biggest = files.iter().max_by_key(|file| file.length);
        let biggest = biggest.map_or(Path::new(""), |file| &file.path);
        bail!(
            "it holds {} MiB, which is too much for a server; the biggest file is {}",
            all / (1024 * 1024),
            biggest.display()
        );
    }
    Ok(files)
}

/// Whether a file or folder of that name belongs to a hand-in: neither what is hidden nor
/// what cargo or macOS adds does.
pub fn is_wanted(name: &str) -> bool {
    !name.starts_with('.') && !["target", "__MACOSX", "Thumbs.db"].contains(&name)
}

/// A path as it is written everywhere but on Windows.
pub fn with_slashes(path: &Path) -> String {
    let parts = path.iter().map(|part| part.to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}

/// The paths of all files in a part of a folder, which may be a file itself, with
/// slashes.
pub fn files_below(folder: &Path, part: &str) -> anyhow::Result<Vec<String>> {
    if folder.join(part).is_file() {
        return Ok(vec![part.to_owned()]);
    }
    let files = walk(folder, Path::new(part), &|_| true)?;
    Ok(files.iter().map(|file| with_slashes(&file.path)).collect())
}

/// The files in a part of a folder whose names, and whose folders' names, are wanted.
fn walk(
    folder: &Path,
    part: &Path,
    is_wanted: &dyn Fn(&str) -> bool,
) -> anyhow::Result<Vec<Entry>> {
    let mut files = Vec::new();
    let mut folders = vec![part.to_owned()];
    while let Some(inner) = folders.pop() {
        let cannot_read = || format!("cannot read {}", folder.join(&inner).display());
        for entry in fs::read_dir(folder.join(&inner)).with_context(cannot_read)? {
            let entry = entry.with_context(cannot_read)?;
            let name = entry.file_name();
            let kind = entry.file_type().with_context(cannot_read)?;
            let path = inner.join(&name);
            if !is_wanted(&name.to_string_lossy()) {
                continue;
            } else if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let length = entry.metadata().with_context(cannot_read)?.len();
                files.push(Entry { path, length });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Copies the files of a folder. Each is new, whatever the time of the old one:
/// cargo goes by the time, and would take a copy of an old file for built already.
pub fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    for file in files_in(from)? {
        let source = from.join(&file.path);
        let bytes = fs::read(&source);
        let bytes = bytes.with_context(|| format!("cannot read {}", source.display()))?;
        write(&to.join(&file.path), &bytes)?;
    }
    Ok(())
}

/// Writes a file, and makes its folder where there is none.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, bytes))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Puts the files of a folder into an archive, below a folder of that name. The
/// archive says nothing of whose they are, nor of when they were written.
pub fn pack(folder: &Path, name: &str, archive: &Path) -> anyhow::Result<Vec<Entry>> {
    let files = files_in(folder)?;
    let cannot_write = || format!("cannot write {}", archive.display());
    let file = File::create(archive).with_context(cannot_write)?;
    let mut builder = Builder::new(GzEncoder::new(file, Compression::default()));
    for Entry { path, .. } in &files {
        let source = folder.join(path);
        let bytes = fs::read(&source);
        let bytes = bytes.with_context(|| format!("cannot read {}", source.display()))?;
        let mut header = Header::new_gnu();
        header.set_size(bytes.len().try_into()?);
        header.set_mode(0o644);
        header.set_entry_type(EntryType::Regular);
        builder
            .append_data(
                &mut header,
                format!("{name}/{}", with_slashes(path)),
                &*bytes,
            )
            .with_context(cannot_write)?;
    }
    let compressed = builder.into_inner().with_context(cannot_write)?;
    compressed.finish().with_context(cannot_write)?;
    Ok(files)
}

/// Takes the files out of an archive, of whatever kind its first bytes say. Others may have
/// made it, so nothing is written outside the folder, no link is made, and there is an end
/// to it.
pub fn unpack(archive: &Path, folder: &Path) -> anyhow::Result<()> {
    let mut file = File::open(archive).context("it cannot be opened")?;
    let mut start = [0; 2];
    let is_zip = file.read_exact(&mut start).is_ok() && start == *b"PK";
    file.rewind().context("it cannot be read")?;
    let unpacked = Unpacked {
        folder,
        room: MOST,
        files: 0,
    };
    match is_zip {
        true => unpack_zip(file, unpacked),
        false => unpack_tar(file, unpacked),
    }
}

fn unpack_tar(file: File, mut unpacked: Unpacked) -> anyhow::Result<()> {
    // A short file can hold zeros without end.
    let content = GzDecoder::new(file).take(2 * MOST);
    let mut archive = Archive::new(content);
    for entry in archive.entries().context("it is no archive")? {
        let entry = entry.context("it is no archive, or not a whole one")?;
        if entry.header().entry_type() != EntryType::Regular {
            continue;
        }
        let path = entry
            .path()
            .context("it holds a name that is none")?
            .into_owned();
        unpacked.add(&path, entry)?;
    }
    Ok(())
}

fn unpack_zip(file: File, mut unpacked: Unpacked) -> anyhow::Result<()> {
    // The table of contents is read as a whole.
    let length = file.metadata().context("it cannot be read")?.len();
    ensure!(
        length <= 2 * MOST,
        "it has {} MiB, which is too much for a server; leave out what is built or installed, \
         such as target and node_modules",
        length / (1024 * 1024)
    );
    let mut archive = ZipArchive::new(file).context("it is no archive, or not a whole one")?;
    for number in 0..archive.len() {
        // Without its content, which need not be readable where it is not wanted.
        let entry = archive.by_index_raw(number);
        let entry = entry.context("it is no archive, or not a whole one")?;
        if entry.is_dir() || entry.is_symlink() {
            continue;
        }
        // Some programs on Windows write their own kind of path.
        let name = entry.name().context("it holds a name that is none")?;
        let path = PathBuf::from(name.replace('\\', "/"));
        drop(entry);
        if !unpacked.wants(&path)? {
            continue;
        }
        let entry = archive.by_index(number).map_err(|error| match error {
            ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
                anyhow::anyhow!("it is locked with a password")
            }
            ZipError::UnsupportedArchive(_) => anyhow::anyhow!(
                "it is packed in a way that is not read here; pack it with \"deflate\", \
                 as nearly every program does by itself"
            ),
            _ => anyhow::anyhow!("it is not whole"),
        })?;
        unpacked.add(&path, entry)?;
    }
    Ok(())
}

/// What has come out of an archive so far.
struct Unpacked<'a> {
    folder: &'a Path,
    /// How many bytes may still come.
    room: u64,
    files: usize,
}

impl Unpacked<'_> {
    /// Whether a file of that path belongs to the hand-in.
    ///
    /// # Errors
    /// It leads out of the folder.
    fn wants(&self, path: &Path) -> anyhow::Result<bool> {
        let stays_inside = path
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        ensure!(
            stays_inside,
            "it holds {}, which leads out of it",
            path.display()
        );
        let mut names = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy()),
            _ => None,
        });
        Ok(names.all(|name| is_wanted(&name)) && path.file_name().is_some())
    }

    /// Writes a file, where it is wanted.
    fn add(&mut self, path: &Path, content: impl Read) -> anyhow::Result<()> {
        if !self.wants(path)? {
            return Ok(());
        }
        self.files += 1;
        ensure!(
            self.files <= MOST_FILES,
            "it holds more than {MOST_FILES} files, which is too much for a server"
        );
        let mut bytes = Vec::new();
        content
            .take(self.room + 1)
            .read_to_end(&mut bytes)
            .context("it is not whole")?;
        self.room = self
            .room
            .checked_sub(bytes.len().try_into()?)
            .context("it holds too much for a server")?;
        write(&self.folder.join(path), &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("source"), folder.path().join("target"));
        let archive = folder.path().join("ada.tar.gz");
        for path in ["src/main.rs", "Cargo.toml", "target/debug/big", ".git/HEAD"] {
            write(&source.join(path), path.as_bytes()).unwrap();
        }
        let packed = pack(&source, "ada", &archive).unwrap();
        assert_eq!(packed.len(), 2);
        assert_eq!(names_in(&archive), ["ada/Cargo.toml", "ada/src/main.rs"]);
        unpack(&archive, &target).unwrap();
        let files = files_in(&target).unwrap();
        let files: Vec<&Path> = files.iter().map(|file| &*file.path).collect();
        assert_eq!(
            files,
            [Path::new("ada/Cargo.toml"), Path::new("ada/src/main.rs")]
        );
        let main = fs::read_to_string(target.join("ada/src/main.rs")).unwrap();
        assert_eq!(main, "src/main.rs");
    }

    /// The names in an archive, to the byte.
    fn names_in(archive: &Path) -> Vec<String> {
        let mut archive = Archive::new(GzDecoder::new(File::open(archive).unwrap()));
        let names = archive.entries().unwrap().map(|entry| {
            let name = entry.unwrap().path_bytes().into_owned();
            String::from_utf8(name).unwrap()
        });
        names.collect()
    }

    /// A path is put together as the system does it: on Windows the parts of this one have a
    /// backslash between them, in an archive a slash.
    #[test]
    fn a_path_has_slashes_whatever_the_system_puts_between_its_parts() {
        let path: PathBuf = ["src", "pages", "main.rs"].iter().collect();
        assert_eq!(with_slashes(&path), "src/pages/main.rs");
        let separated = format!("src{0}pages{0}main.rs", std::path::MAIN_SEPARATOR);
        assert_eq!(path.as_os_str(), &*separated);
        assert_eq!(with_slashes(Path::new(&separated)), "src/pages/main.rs");
    }

    /// An archive with one entry whose path is put in as it is.
    fn archive_of(path: &str, kind: EntryType, content: &[u8]) -> Vec<u8> {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(content.len().try_into().unwrap());
        header.set_entry_type(kind);
        header.set_cksum();
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        builder.append(&header, content).unwrap();
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn archives_that_mean_harm() {
        let zeros = vec![0; usize::try_from(MOST).unwrap() + 1];
        let long_ago = archive_of("a/main.rs", EntryType::Regular, b"fn main() {}");
        for (bytes, said) in [
            (
                archive_of("../out", EntryType::Regular, b"out"),
                "leads out",
            ),
            (
                archive_of("/tmp/out", EntryType::Regular, b"out"),
                "leads out",
            ),
            (archive_of("a/big", EntryType::Regular, &zeros), "too much"),
            (b"nonsense".to_vec(), "no archive"),
            (long_ago[..long_ago.len() / 2].to_vec(), "whole"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let archive = folder.path().join("ada.tar.gz");
            fs::write(&archive, bytes).unwrap();
            let inside = folder.path().join("inside");
            let error = unpack(&archive, &inside).unwrap_err();
            assert!(format!("{error:#}").contains(said), "{error:#}");
            assert!(!folder.path().join("out").exists());
        }
    }

    #[test]
    fn links_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("ada.tar.gz");
        fs::write(&archive, archive_of("link", EntryType::Symlink, b"")).unwrap();
        let inside = folder.path().join("inside");
        unpack(&archive, &inside).unwrap();
        assert!(!inside.join("link").exists());
    }
}
