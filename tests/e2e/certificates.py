"""Certificates for tests, made with the openssl program: an authority, and what it signs."""

import os
import shutil
import subprocess

from harness import skip


def need_openssl():
    if not shutil.which("openssl"):
        if os.environ.get("CI") == "true":
            raise AssertionError("the openssl program is missing")
        skip("the openssl program is missing")


def openssl(folder, *arguments):
    result = subprocess.run(["openssl", *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=60,
                            check=False)
    assert result.returncode == 0, result.stderr


class Authority:
    """Its certificate is `file`."""

    def __init__(self, folder, name="authority"):
        self.folder, self.name = folder, name
        self.file = folder / f"{name}.pem"
        openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", self.file,
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, name, hosts="IP:127.0.0.1,DNS:localhost", days=1, key_kind="ec"):
        """(certificate with its chain, key) as files."""
        folder = self.folder
        key, request, certificate = folder / f"{name}.key", folder / f"{name}.csr", folder / f"{name}.pem"
        kind = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key_kind == "ec" else ["rsa:2048"]
        openssl(folder, "req", "-newkey", *kind, "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        (folder / f"{name}.ext").write_text(f"subjectAltName={hosts}\nbasicConstraints=CA:FALSE\n")
        openssl(folder, "x509", "-req", "-in", request, "-CA", self.file, "-CAkey", f"{self.name}.key",
                "-CAcreateserial", "-days", days, "-extfile", f"{name}.ext", "-out", certificate)
        certificate.write_text(certificate.read_text() + self.file.read_text())
        os.chmod(key, 0o600)
        return certificate, key
