//! `wasi:filesystem` over [`super::inputs`] and [`super::outputs`].

use super::fault::Fault;
use super::inputs::{Found, InDir, InFile, Inputs, inode};
use super::outputs::{MOST_DEPTH, OutDir, OutNode};
use super::streams::{FileReader, FileWriter, Opened, Readable};
use super::{EPOCH, State};
use crate::bindings::wasi::filesystem::preopens;
use crate::bindings::wasi::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, Host, HostDescriptor,
    HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use std::sync::Arc;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};
use wrun_core::tree::{Entry, EntryKind};

/// An errno for the guest, or a fault that ends it.
#[derive(Debug)]
pub enum FsError {
    /// The guest sees this.
    Code(ErrorCode),
    /// The guest does not.
    Trap(wasmtime::Error),
}

impl From<ErrorCode> for FsError {
    fn from(code: ErrorCode) -> Self {
        Self::Code(code)
    }
}

impl From<Fault> for FsError {
    fn from(fault: Fault) -> Self {
        Self::Trap(fault.into())
    }
}

impl From<wasmtime::component::ResourceTableError> for FsError {
    fn from(error: wasmtime::component::ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}

type FsResult<T> = Result<T, FsError>;

/// What the guest holds open.
pub struct Descriptor {
    node: Node,
    read: bool,
    write: bool,
    /// Counts the guest's hold on an output file.
    _opened: Option<Opened>,
}

/// A listing: names in order, as they were when it was asked for.
pub struct Entries(std::vec::IntoIter<DirectoryEntry>);

/// Something that a path names.
#[derive(Clone)]
pub(super) enum Node {
    Inputs(Arc<Inputs>),
    InDir(Arc<InDir>),
    /// A file that was not opened yet: its directory and its entry.
    InEntry(Arc<InDir>, Arc<Entry>),
    InFile(Arc<InFile>),
    OutDir(Arc<OutDir>),
    OutFile(Arc<super::outputs::OutFile>),
}

impl Node {
    fn is_dir(&self) -> bool {
        matches!(self, Self::Inputs(_) | Self::InDir(_) | Self::OutDir(_))
    }

    fn is_input(&self) -> bool {
        !matches!(self, Self::OutDir(_) | Self::OutFile(_))
    }

    fn kind(&self) -> DescriptorType {
        if self.is_dir() { DescriptorType::Directory } else { DescriptorType::RegularFile }
    }

    fn size(&self) -> u64 {
        match self {
            Self::InEntry(_, entry) => entry.size,
            Self::InFile(file) => file.blob.len(),
            Self::OutFile(file) => file.len(),
            _ => 0,
        }
    }

    fn inode(&self) -> u64 {
        match self {
            Self::Inputs(_) => inode(""),
            Self::InDir(dir) => dir.inode(),
            Self::InEntry(dir, entry) => dir.file_inode(&entry.name),
            Self::InFile(file) => file.inode,
            Self::OutDir(dir) => dir.inode,
            Self::OutFile(file) => file.inode,
        }
    }

    fn stat(&self) -> DescriptorStat {
        let time = Some(Datetime { seconds: EPOCH, nanoseconds: 0 });
        DescriptorStat {
            type_: self.kind(),
            link_count: 1,
            size: self.size(),
            data_access_timestamp: time,
            data_modification_timestamp: time,
            status_change_timestamp: time,
        }
    }

    fn child(&self, name: &str) -> FsResult<Self> {
        if name.len() > 255 {
            return Err(ErrorCode::NameTooLong.into());
        }
        let found = match self {
            Self::Inputs(inputs) => inputs.get(name).map(Self::InDir),
            Self::InDir(dir) => dir.find(name)?.map(|found| match found {
                Found::Dir(dir) => Self::InDir(dir),
                Found::File(entry) => Self::InEntry(dir.clone(), Arc::new(entry)),
            }),
            Self::OutDir(dir) => dir.get(name).map(|node| match node {
                OutNode::Dir(dir) => Self::OutDir(dir),
                OutNode::File(file) => Self::OutFile(file),
            }),
            _ => return Err(ErrorCode::NotDirectory.into()),
        };
        found.ok_or_else(|| ErrorCode::NoEntry.into())
    }

    fn list(&self) -> FsResult<Vec<DirectoryEntry>> {
        let entry = |name, dir| {
            let type_ = if dir { DescriptorType::Directory } else { DescriptorType::RegularFile };
            DirectoryEntry { type_, name }
        };
        Ok(match self {
            Self::Inputs(inputs) => inputs.names().into_iter().map(|name| entry(name, true)).collect(),
            Self::InDir(dir) => {
                let list = dir.list()?.into_iter();
                list.map(|(name, kind)| entry(name, kind == EntryKind::Directory)).collect()
            }
            Self::OutDir(dir) => {
                let entries = dir.entries();
                let list = entries.iter();
                list.map(|(name, node)| entry(name.clone(), matches!(node, OutNode::Dir(_)))).collect()
            }
            _ => return Err(ErrorCode::NotDirectory.into()),
        })
    }
}

/// Splits a path into its parts, refusing what no path here can be.
fn parts(path: &str) -> FsResult<Vec<&str>> {
    if path.is_empty() {
        return Err(ErrorCode::NoEntry.into());
    }
    if path.starts_with('/') {
        return Err(ErrorCode::NotPermitted.into());
    }
    if path.contains('\0') {
        return Err(ErrorCode::Invalid.into());
    }
    Ok(path.split('/').filter(|part| !part.is_empty() && *part != ".").collect())
}

/// Follows parts; `..` never leads above where it started.
fn follow(base: &Node, parts: &[&str]) -> FsResult<Node> {
    let mut above = Vec::new();
    let mut at = base.clone();
    for part in parts {
        if *part == ".." {
            if !at.is_dir() {
                return Err(ErrorCode::NotDirectory.into());
            }
            at = above.pop().ok_or(ErrorCode::NotPermitted)?;
        } else {
            let child = at.child(part)?;
            above.push(std::mem::replace(&mut at, child));
        }
    }
    Ok(at)
}

fn resolve(base: &Node, path: &str) -> FsResult<Node> {
    let node = follow(base, &parts(path)?)?;
    if path.ends_with('/') && !node.is_dir() {
        return Err(ErrorCode::NotDirectory.into());
    }
    Ok(node)
}

/// Resolves all but the last part, for what makes or removes a name.
fn resolve_parent<'a>(base: &Node, path: &'a str) -> FsResult<(Node, &'a str)> {
    let parts = parts(path)?;
    match parts.split_last() {
        None => Err(ErrorCode::Exist.into()),
        Some((&"..", _)) => Err(ErrorCode::NotPermitted.into()),
        Some((name, above)) => {
            let parent = follow(base, above)?;
            if !parent.is_dir() {
                return Err(ErrorCode::NotDirectory.into());
            }
            if name.len() > 255 {
                return Err(ErrorCode::NameTooLong.into());
            }
            Ok((parent, name))
        }
    }
}

/// Returns the directory under `/out` that a name is to be made in.
fn writable(parent: &Node) -> FsResult<&Arc<OutDir>> {
    match parent {
        Node::OutDir(dir) if dir.is_removed() => Err(ErrorCode::NoEntry.into()),
        Node::OutDir(dir) => Ok(dir),
        _ => Err(ErrorCode::ReadOnly.into()),
    }
}

impl State {
    fn node(&self, fd: &Resource<Descriptor>) -> FsResult<Node> {
        Ok(self.table.get(fd)?.node.clone())
    }

    fn readable(&self, fd: &Resource<Descriptor>) -> FsResult<Readable> {
        let descriptor = self.table.get(fd)?;
        match &descriptor.node {
            _ if !descriptor.read => Err(ErrorCode::BadDescriptor.into()),
            Node::InFile(file) => Ok(Readable::In(file.clone())),
            Node::OutFile(file) => Ok(Readable::Out(Opened::new(file.clone()))),
            _ => Err(ErrorCode::IsDirectory.into()),
        }
    }

    fn written(&self, fd: &Resource<Descriptor>) -> FsResult<Opened> {
        let descriptor = self.table.get(fd)?;
        match &descriptor.node {
            Node::OutFile(file) if descriptor.write => Ok(Opened::new(file.clone())),
            Node::OutFile(_) | Node::InFile(_) => Err(ErrorCode::BadDescriptor.into()),
            _ => Err(ErrorCode::IsDirectory.into()),
        }
    }

    fn open(&mut self, node: Node, read: bool, write: bool) -> FsResult<Resource<Descriptor>> {
        let node = match node {
            Node::InEntry(dir, entry) => Node::InFile(Arc::new(dir.open(&entry)?)),
            node => node,
        };
        let opened = match &node {
            Node::OutFile(file) => Some(Opened::new(file.clone())),
            _ => None,
        };
        Ok(self.table.push(Descriptor { node, read, write, _opened: opened })?)
    }
}

impl preopens::Host for State {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let Some(files) = &self.files else { return Ok(Vec::new()) };
        let (inputs, outputs) = (Node::Inputs(files.inputs.clone()), Node::OutDir(files.outputs.clone()));
        let input = Descriptor { node: inputs, read: true, write: false, _opened: None };
        let output = Descriptor { node: outputs, read: true, write: true, _opened: None };
        Ok(vec![(self.table.push(input)?, "/in".to_owned()), (self.table.push(output)?, "/out".to_owned())])
    }
}

impl Host for State {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        match error {
            FsError::Code(code) => Ok(code),
            FsError::Trap(error) => Err(error),
        }
    }

    fn filesystem_error_code(&mut self, _error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(None)
    }
}

impl HostDescriptor for State {
    fn read_via_stream(&mut self, fd: Resource<Descriptor>, offset: u64) -> FsResult<Resource<DynInputStream>> {
        let file = self.readable(&fd)?;
        let stream: DynInputStream = Box::new(FileReader { file, offset });
        Ok(self.table.push(stream)?)
    }

    fn write_via_stream(&mut self, fd: Resource<Descriptor>, offset: u64) -> FsResult<Resource<DynOutputStream>> {
        let file = self.written(&fd)?;
        let stream: DynOutputStream = Box::new(FileWriter { file, offset: Some(offset) });
        Ok(self.table.push(stream)?)
    }

    fn append_via_stream(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        let file = self.written(&fd)?;
        let stream: DynOutputStream = Box::new(FileWriter { file, offset: None });
        Ok(self.table.push(stream)?)
    }

    fn advise(&mut self, fd: Resource<Descriptor>, _: u64, _: u64, _: Advice) -> FsResult<()> {
        self.node(&fd).map(|_| ())
    }

    fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.node(&fd).map(|_| ())
    }

    fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        let descriptor = self.table.get(&fd)?;
        let mut flags = DescriptorFlags::empty();
        if descriptor.read {
            flags |= DescriptorFlags::READ;
        }
        if descriptor.write {
            let dir = descriptor.node.is_dir();
            flags |= if dir { DescriptorFlags::MUTATE_DIRECTORY } else { DescriptorFlags::WRITE };
        }
        Ok(flags)
    }

    fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        Ok(self.node(&fd)?.kind())
    }

    fn set_size(&mut self, fd: Resource<Descriptor>, size: u64) -> FsResult<()> {
        Ok(self.written(&fd)?.0.set_len(size)?)
    }

    fn set_times(&mut self, fd: Resource<Descriptor>, _: NewTimestamp, _: NewTimestamp) -> FsResult<()> {
        if self.node(&fd)?.is_input() { Err(ErrorCode::ReadOnly.into()) } else { Ok(()) }
    }

    fn read(&mut self, fd: Resource<Descriptor>, length: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        let file = self.readable(&fd)?;
        let bytes = file.read(length, offset)?;
        let end = offset.saturating_add(bytes.len() as u64) >= file.len();
        Ok((bytes, end))
    }

    fn write(&mut self, fd: Resource<Descriptor>, buffer: Vec<u8>, offset: u64) -> FsResult<u64> {
        self.written(&fd)?.0.write(&buffer, Some(offset))?;
        Ok(buffer.len() as u64)
    }

    fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<Entries>> {
        let list = self.node(&fd)?.list()?;
        Ok(self.table.push(Entries(list.into_iter()))?)
    }

    fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.node(&fd).map(|_| ())
    }

    fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let (parent, name) = resolve_parent(&self.node(&fd)?, &path)?;
        match parent.child(name) {
            // `create_dir_all` asks for what exists, in `/in` as well.
            Ok(_) => return Err(ErrorCode::Exist.into()),
            Err(FsError::Code(ErrorCode::NoEntry)) => {}
            Err(error) => return Err(error),
        }
        let dir = writable(&parent)?;
        if dir.depth() + 1 >= MOST_DEPTH {
            return Err(ErrorCode::NameTooLong.into());
        }
        Ok(dir.make_dir(name.to_owned())?)
    }

    fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        Ok(self.node(&fd)?.stat())
    }

    fn stat_at(&mut self, fd: Resource<Descriptor>, _: PathFlags, path: String) -> FsResult<DescriptorStat> {
        Ok(resolve(&self.node(&fd)?, &path)?.stat())
    }

    fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
        _: NewTimestamp,
        _: NewTimestamp,
    ) -> FsResult<()> {
        if resolve(&self.node(&fd)?, &path)?.is_input() { Err(ErrorCode::ReadOnly.into()) } else { Ok(()) }
    }

    fn link_at(
        &mut self,
        _: Resource<Descriptor>,
        _: PathFlags,
        _: String,
        _: Resource<Descriptor>,
        _: String,
    ) -> FsResult<()> {
        Err(ErrorCode::Unsupported.into())
    }

    fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let base = self.node(&fd)?;
        let write = flags.contains(DescriptorFlags::WRITE);
        let read = flags.contains(DescriptorFlags::READ) || !write;
        let node = match resolve(&base, &path) {
            Ok(_) if how.contains(OpenFlags::CREATE | OpenFlags::EXCLUSIVE) => {
                return Err(ErrorCode::Exist.into());
            }
            Ok(node) => node,
            Err(FsError::Code(ErrorCode::NoEntry)) if how.contains(OpenFlags::CREATE) => {
                let (parent, name) = resolve_parent(&base, &path)?;
                let dir = writable(&parent)?;
                if how.contains(OpenFlags::DIRECTORY) || path.ends_with('/') {
                    return Err(ErrorCode::Invalid.into());
                }
                Node::OutFile(dir.make_file(name.to_owned())?)
            }
            Err(error) => return Err(error),
        };
        if node.is_dir() {
            if write || how.contains(OpenFlags::TRUNCATE) {
                return Err(ErrorCode::IsDirectory.into());
            }
            let mutate = !node.is_input();
            return self.open(node, true, mutate);
        }
        if how.contains(OpenFlags::DIRECTORY) {
            return Err(ErrorCode::NotDirectory.into());
        }
        if node.is_input() && (write || how.contains(OpenFlags::TRUNCATE)) {
            return Err(ErrorCode::ReadOnly.into());
        }
        if let (Node::OutFile(file), true) = (&node, how.contains(OpenFlags::TRUNCATE)) {
            file.set_len(0)?;
        }
        self.open(node, read, write)
    }

    fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        resolve(&self.node(&fd)?, &path)?;
        Err(ErrorCode::Invalid.into())
    }

    fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let base = self.node(&fd)?;
        if parts(&path)?.is_empty() {
            return Err(ErrorCode::Invalid.into());
        }
        let (parent, name) = resolve_parent(&base, &path)?;
        match parent.child(name)? {
            Node::OutDir(dir) if !dir.entries().is_empty() => Err(ErrorCode::NotEmpty.into()),
            Node::OutDir(dir) => {
                writable(&parent)?.entries().remove(name);
                dir.mark_removed();
                Ok(())
            }
            node if !node.is_dir() => Err(ErrorCode::NotDirectory.into()),
            _ => Err(ErrorCode::ReadOnly.into()),
        }
    }

    fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        old_path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (old_base, new_base) = (self.node(&fd)?, self.node(&new_fd)?);
        let (old_parent, old_name) = resolve_parent(&old_base, &old_path)?;
        let (new_parent, new_name) = resolve_parent(&new_base, &new_path)?;
        let source = old_parent.child(old_name)?;
        let to = writable(&new_parent)?;
        let from = writable(&old_parent)?;
        if (old_path.ends_with('/') || new_path.ends_with('/')) && !source.is_dir() {
            return Err(ErrorCode::NotDirectory.into());
        }
        if let Node::OutDir(dir) = &source {
            if to.is_within(dir) {
                return Err(ErrorCode::Invalid.into());
            }
            if to.depth() + 1 + dir.height() >= MOST_DEPTH {
                return Err(ErrorCode::NameTooLong.into());
            }
        }
        match to.get(new_name) {
            Some(OutNode::Dir(there)) => match &source {
                Node::OutDir(dir) if Arc::ptr_eq(dir, &there) => return Ok(()),
                Node::OutDir(_) if there.entries().is_empty() => there.mark_removed(),
                Node::OutDir(_) => return Err(ErrorCode::NotEmpty.into()),
                _ => return Err(ErrorCode::IsDirectory.into()),
            },
            Some(OutNode::File(there)) => match &source {
                Node::OutFile(file) if Arc::ptr_eq(file, &there) => return Ok(()),
                Node::OutFile(_) => {}
                _ => return Err(ErrorCode::NotDirectory.into()),
            },
            None => {}
        }
        let node = from.entries().remove(old_name);
        if let Some(node) = node {
            to.adopt(new_name.to_owned(), node);
        }
        Ok(())
    }

    fn symlink_at(&mut self, _: Resource<Descriptor>, _: String, _: String) -> FsResult<()> {
        Err(ErrorCode::Unsupported.into())
    }

    fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let (parent, name) = resolve_parent(&self.node(&fd)?, &path)?;
        let node = parent.child(name)?;
        if node.is_dir() {
            return Err(ErrorCode::IsDirectory.into());
        }
        let dir = writable(&parent)?;
        if path.ends_with('/') {
            return Err(ErrorCode::NotDirectory.into());
        }
        dir.entries().remove(name);
        Ok(())
    }

    fn is_same_object(&mut self, fd: Resource<Descriptor>, other: Resource<Descriptor>) -> wasmtime::Result<bool> {
        let (one, two) = (&self.table.get(&fd)?.node, &self.table.get(&other)?.node);
        Ok(one.inode() == two.inode())
    }

    fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        Ok(MetadataHashValue { lower: self.node(&fd)?.inode(), upper: 1 })
    }

    fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        Ok(MetadataHashValue { lower: resolve(&self.node(&fd)?, &path)?.inode(), upper: 1 })
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.table.delete(fd)?;
        Ok(())
    }
}

impl HostDirectoryEntryStream for State {
    fn read_directory_entry(&mut self, stream: Resource<Entries>) -> FsResult<Option<DirectoryEntry>> {
        Ok(self.table.get_mut(&stream)?.0.next())
    }

    fn drop(&mut self, stream: Resource<Entries>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}
