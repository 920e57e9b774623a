//! The socket file: reachable by its owner alone, and never taken from a process that still answers on it.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
    path::Path,
};

use tokio::net::{UnixListener, UnixStream};

use crate::ControlError;

pub(crate) async fn bind(path: &Path) -> Result<UnixListener, ControlError> {
    let failed = |source: io::Error| ControlError::Bind { path: path.to_owned(), source };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let mode = fs::metadata(dir).map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ControlError::Exposed { path: dir.to_owned(), mode });
    }
    clear(path).await?;
    // Between these two lines the directory keeps others out.
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Removes a socket that a dead process left behind.
async fn clear(path: &Path) -> Result<(), ControlError> {
    let failed = |source: io::Error| ControlError::Bind { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => return Err(ControlError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Ok(_answered) => Err(ControlError::Busy(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_and_its_directory_are_the_owners_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("run/control.sock");
        let _listener = bind(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_a_live_one_is_not() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("run/control.sock");
        drop(bind(&path).await.unwrap());
        assert!(path.exists(), "a dead process leaves its socket behind");
        let live = bind(&path).await.unwrap();
        assert!(matches!(bind(&path).await, Err(ControlError::Busy(_))));
        drop(live);
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_never_removed() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("run");
        fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
        let path = dir.join("control.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(bind(&path).await, Err(ControlError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_directory_that_others_can_enter_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("run");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let refused = bind(&dir.join("control.sock")).await;
        assert!(matches!(refused, Err(ControlError::Exposed { mode: 0o755, .. })), "{refused:?}");
    }
}
