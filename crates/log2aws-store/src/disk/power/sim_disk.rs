//! A disk that loses unsynced changes at a power cut.
//!
//! For each file and folder it keeps the visible state, the durable state, and the writes and
//! renames in between, in order. A power cut keeps any subset of those in any order, and tears
//! writes at any byte: only syncs limit it.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Component, Path};

use fastrand::Rng;

/// Identifies a file or folder.
pub(crate) type Ino = u64;
pub(crate) const ROOT: Ino = 1;

pub(crate) const ENOENT: i32 = 2;
const EEXIST: i32 = 17;
const ENOTDIR: i32 = 20;
const EISDIR: i32 = 21;
const ENOTEMPTY: i32 = 39;

#[derive(Clone, Debug)]
pub(crate) enum Node {
    File(FileNode),
    Dir(DirNode),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FileNode {
    pub(crate) bytes: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct DirNode {
    pub(crate) names: BTreeMap<String, Ino>,
    durable: BTreeMap<String, Ino>,
    pending: Vec<NameChange>,
}

#[derive(Clone, Debug)]
struct NameChange {
    name: String,
    /// `None`: the name was removed.
    ino: Option<Ino>,
    /// If a folder was renamed: the number of the rename, and the other folder that it changed.
    renamed: Option<(u64, Ino)>,
}

impl DirNode {
    fn set(&mut self, name: &str, ino: Option<Ino>, renamed: Option<(u64, Ino)>) {
        match ino {
            Some(ino) => self.names.insert(name.to_owned(), ino),
            None => self.names.remove(name),
        };
        self.pending.push(NameChange { name: name.to_owned(), ino, renamed });
    }
}

/// Which unsynced changes survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Survival {
    /// Nothing.
    None,
    /// Everything: the process was killed, the machine was not.
    All,
    /// All names, no data: the effect of a rename without an fsync of the file.
    Names,
    /// Each change with this probability in percent; of a write perhaps only its beginning.
    Some(u64),
}

/// The disk.
#[derive(Clone, Debug)]
pub(crate) struct SimDisk {
    nodes: HashMap<Ino, Node>,
    next: Ino,
}

impl SimDisk {
    pub(crate) fn new() -> Self {
        let nodes = HashMap::from([(ROOT, Node::Dir(DirNode::default()))]);
        Self { nodes, next: ROOT + 1 }
    }

    pub(crate) fn node(&self, ino: Ino) -> io::Result<&Node> {
        self.nodes.get(&ino).ok_or_else(|| errno(ENOENT))
    }

    pub(crate) fn dir(&self, ino: Ino) -> io::Result<&DirNode> {
        match self.node(ino)? {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(errno(ENOTDIR)),
        }
    }

    pub(crate) fn file(&self, ino: Ino) -> io::Result<&FileNode> {
        match self.node(ino)? {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(errno(EISDIR)),
        }
    }

    fn dir_mut(&mut self, ino: Ino) -> io::Result<&mut DirNode> {
        match self.nodes.get_mut(&ino) {
            Some(Node::Dir(dir)) => Ok(dir),
            Some(Node::File(_)) => Err(errno(ENOTDIR)),
            None => Err(errno(ENOENT)),
        }
    }

    pub(crate) fn lookup(&self, dir: Ino, name: &str) -> io::Result<Ino> {
        self.dir(dir)?.names.get(name).copied().ok_or_else(|| errno(ENOENT))
    }

    pub(crate) fn resolve(&self, path: &Path) -> io::Result<Ino> {
        let mut ino = ROOT;
        for part in path.components() {
            if let Component::Normal(name) = part {
                ino = self.lookup(ino, &name.to_string_lossy())?;
            }
        }
        Ok(ino)
    }

    /// The folder of a path, and its last component.
    pub(crate) fn parent(&self, path: &Path) -> io::Result<(Ino, String)> {
        let dir = self.resolve(path.parent().unwrap_or(path))?;
        let name = path.file_name().ok_or_else(|| errno(EEXIST))?;
        Ok((dir, name.to_string_lossy().into_owned()))
    }

    pub(crate) fn create(&mut self, dir: Ino, name: &str, node: Node) -> io::Result<Ino> {
        let ino = self.next;
        self.link(ino, dir, name)?;
        self.nodes.insert(ino, node);
        self.next += 1;
        Ok(ino)
    }

    pub(crate) fn link(&mut self, ino: Ino, dir: Ino, name: &str) -> io::Result<()> {
        let dir = self.dir_mut(dir)?;
        if dir.names.contains_key(name) {
            return Err(errno(EEXIST));
        }
        dir.set(name, Some(ino), None);
        Ok(())
    }

    pub(crate) fn unlink(&mut self, dir: Ino, name: &str) -> io::Result<()> {
        self.file(self.lookup(dir, name)?)?;
        self.dir_mut(dir)?.set(name, None, None);
        Ok(())
    }

    pub(crate) fn rmdir(&mut self, dir: Ino, name: &str) -> io::Result<()> {
        if !self.dir(self.lookup(dir, name)?)?.names.is_empty() {
            return Err(errno(ENOTEMPTY));
        }
        self.dir_mut(dir)?.set(name, None, None);
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: (Ino, &str), to: (Ino, &str)) -> io::Result<()> {
        let ino = self.lookup(from.0, from.1)?;
        if self.lookup(to.0, to.1).is_ok_and(|there| there == ino) {
            return Ok(());
        }
        self.dir(to.0)?;
        self.next += 1;
        // A file may have two names after a power cut, as it may before. A folder cannot: no file
        // system keeps half of its rename.
        let is_dir = self.dir(ino).is_ok();
        let renamed = |other| is_dir.then_some((self.next, other));
        let (in_old, in_new) = (renamed(to.0), renamed(from.0));
        self.dir_mut(from.0)?.set(from.1, None, in_old);
        self.dir_mut(to.0)?.set(to.1, Some(ino), in_new);
        Ok(())
    }

    pub(crate) fn write(&mut self, ino: Ino, at: usize, bytes: &[u8]) -> io::Result<()> {
        match self.nodes.get_mut(&ino) {
            Some(Node::File(file)) => {
                overwrite(&mut file.bytes, at, bytes);
                file.pending.push((at, bytes.to_vec()));
                Ok(())
            }
            _ => Err(errno(EISDIR)),
        }
    }

    /// Makes a file's bytes or a folder's names durable.
    pub(crate) fn sync(&mut self, ino: Ino) -> io::Result<()> {
        match self.nodes.get_mut(&ino) {
            Some(Node::File(file)) => {
                for (at, bytes) in file.pending.drain(..) {
                    overwrite(&mut file.durable, at, &bytes);
                }
            }
            Some(Node::Dir(dir)) => {
                let changes = std::mem::take(&mut dir.pending);
                let halves: Vec<_> = changes.iter().filter_map(|change| change.renamed).collect();
                for change in &changes {
                    apply(&mut dir.durable, change);
                }
                for (renaming, other) in halves {
                    self.sync_renaming(renaming, other)?;
                }
            }
            None => return Err(errno(ENOENT)),
        }
        Ok(())
    }

    /// Makes the other half of a folder's rename durable, and earlier changes of that name.
    fn sync_renaming(&mut self, renaming: u64, dir: Ino) -> io::Result<()> {
        let dir = self.dir_mut(dir)?;
        let is_it = |change: &NameChange| change.renamed.is_some_and(|(id, _)| id == renaming);
        let Some(at) = dir.pending.iter().position(is_it) else { return Ok(()) };
        let name = dir.pending[at].name.clone();
        let before = dir.pending.drain(..=at).collect::<Vec<_>>();
        let (done, others): (Vec<_>, Vec<_>) = before.into_iter().partition(|c| c.name == name);
        for change in &done {
            apply(&mut dir.durable, change);
        }
        dir.pending.splice(..0, others);
        Ok(())
    }

    /// The disk as a power cut at this moment may leave it.
    pub(crate) fn after_power_cut(&self, survival: Survival, rng: &mut Rng) -> Self {
        let mut nodes = HashMap::new();
        let mut renamings = HashMap::new();
        let mut reachable = vec![ROOT];
        while let Some(ino) = reachable.pop() {
            if nodes.contains_key(&ino) {
                continue;
            }
            let Some(node) = self.nodes.get(&ino) else { continue };
            let node = match node {
                Node::File(file) => Node::File(torn(file, survival, rng)),
                Node::Dir(dir) => {
                    let dir = kept(dir, survival, rng, &mut renamings);
                    reachable.extend(dir.names.values());
                    Node::Dir(dir)
                }
            };
            nodes.insert(ino, node);
        }
        Self { nodes, next: self.next }
    }
}

fn torn(file: &FileNode, survival: Survival, rng: &mut Rng) -> FileNode {
    let mut bytes = file.durable.clone();
    for (at, written) in &file.pending {
        let keep = match survival {
            Survival::None | Survival::Names => 0,
            Survival::All => written.len(),
            Survival::Some(percent) if rng.u64(..100) < percent => written.len(),
            Survival::Some(_) if rng.u64(..2) == 0 => 0,
            Survival::Some(_) => rng.usize(..=written.len()),
        };
        if keep > 0 {
            overwrite(&mut bytes, *at, &written[..keep]);
        }
    }
    FileNode { durable: bytes.clone(), bytes, pending: Vec::new() }
}

fn kept(
    dir: &DirNode,
    survival: Survival,
    rng: &mut Rng,
    renamings: &mut HashMap<u64, bool>,
) -> DirNode {
    let mut names = dir.durable.clone();
    for change in &dir.pending {
        let mut keep = || match survival {
            Survival::None => false,
            Survival::All | Survival::Names => true,
            Survival::Some(percent) => rng.u64(..100) < percent,
        };
        let keep = match change.renamed {
            Some((renaming, _)) => *renamings.entry(renaming).or_insert_with(keep),
            None => keep(),
        };
        if keep {
            apply(&mut names, change);
        }
    }
    DirNode { durable: names.clone(), names, pending: Vec::new() }
}

fn apply(names: &mut BTreeMap<String, Ino>, change: &NameChange) {
    match change.ino {
        Some(ino) => names.insert(change.name.clone(), ino),
        None => names.remove(&change.name),
    };
}

/// Writes at `at`; a hole before it is filled with zeros.
fn overwrite(bytes: &mut Vec<u8>, at: usize, written: &[u8]) {
    let end = at + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(written);
}

pub(crate) fn errno(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}
