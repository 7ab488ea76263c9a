"""The bridge with a certificate of its own: calls of the emulator over https and wss, requests of other TLS
clients, a certificate that is renewed in mid-call, a flood of handshakes beside a call, and what it says about
files that cannot be used."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

from by_hand import TEXT, Twilio, frame, media, new_sid
from certificates import Authority, need_openssl
from harness import ACCOUNT, Emulator, EndToEnd, json_objects, main, wait_for

LONG = "+12025550111=tone:440,repeat=yes,hangup=no,delay=0,max=90s"


class Tls(EndToEnd):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder)
        self.certificate, self.key = self.authority.issue("bridge")

    def tls_environment(self, emulator, **more):
        environment = self.bridge_environment(emulator, AGENTBRIDGE_TLS_CERT=str(self.certificate),
                                              AGENTBRIDGE_TLS_KEY=str(self.key), **more)
        environment["PUBLIC_URL"] = f"https://127.0.0.1:{environment['SERVER_PORT']}"
        return environment

    def start_call(self, *arguments, key_kind="ec", **more):
        self.certificate, self.key = self.authority.issue("bridge", key_kind=key_kind)
        self.emulator = Emulator(self, "--ca", str(self.authority.file), "--persona", LONG)
        environment = self.tls_environment(self.emulator, **more)
        self.port = int(environment["SERVER_PORT"])
        self.bridge = self.start(["--json", "--target", "+12025550111", *arguments], environment, name="bridge")
        wait_for("the call streams", lambda: any(e["event"] == "stream_opened" for e in self.emulator.ledger()), 15)
        self.began = time.monotonic()

    def end_call(self):
        """The call's summary; nothing is lost."""
        sid = self.emulator.live_calls()[0]["sid"]
        self.emulator.request("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}.json", {"Status": "completed"})
        self.assertEqual(self.bridge.wait(15), 0, str(self.bridge))
        summary = [one for one in json_objects(self.bridge.out) if one.get("to") == "+12025550111"][0]
        seconds = time.monotonic() - self.began
        print(f"{self.id()}: {seconds:.1f} s, frames={summary['frames']} lost_ms={summary['lost_ms']}", flush=True)
        self.assertEqual(summary["lost_ms"], 0, summary)
        self.assertGreater(summary["frames"], 35 * (seconds - 1), summary)
        self.assert_nothing_left_open(self.emulator)
        return summary

    def test_the_control_plane_goes_elsewhere_only_with_tls(self):
        emulator = Emulator(self, "--ca", str(self.authority.file))
        open_to_all = {"AGENTBRIDGE_CONTROL_HOST": "0.0.0.0", "AGENTBRIDGE_CONTROL_PORT": "0"}
        refused = self.run_to_end(["serve"], self.bridge_environment(emulator, **open_to_all))
        self.assert_code(refused, 3)
        self.assertIn("AGENTBRIDGE_CONTROL_HOST", refused.err)
        self.assertIn("AGENTBRIDGE_TLS_CERT", refused.err)
        environment = self.tls_environment(emulator, AGENTBRIDGE_CA_FILE=str(self.authority.file), **open_to_all)
        bridge = self.start(["serve"], environment, name="serve")
        about = wait_for("it says where it is", lambda: self.instance(bridge), 20)
        self.assertTrue(about["control_url"].startswith("https://127.0.0.1:"), about["control_url"])
        listed = self.run_to_end(["--json", "calls", "list"], environment)
        self.assert_code(listed, 0)
        trust = ssl.create_default_context(cafile=str(self.authority.file))
        port = int(about["control_url"].rsplit(":", 1)[1])
        body = json.dumps({"token": about["token"]})
        with trust.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="127.0.0.1") as tls:
            tls.sendall((f"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
                         f"Origin: https://127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n"
                         f"Connection: close\r\n\r\n{body}").encode())
            answer = b""
            while piece := tls.recv(4096):
                answer += piece
        self.assertIn(b" 204 ", answer.split(b"\r\n")[0])
        self.assertIn(b"; Secure\r\n", answer)
        bridge.signal(signal.SIGINT)
        self.assertEqual(bridge.wait(15), 0, str(bridge))

    def test_doctor_finds_it_well_whether_it_runs_or_not(self):
        emulator = Emulator(self, "--ca", str(self.authority.file))
        environment = self.tls_environment(emulator, AGENTBRIDGE_CA_FILE=str(self.authority.file))

        def port_finding(name):
            run = self.run_to_end(["doctor", "--json"], environment, seconds=20, name=name)
            findings = {one["check"]: one for one in json.loads(run.out)}
            for check in ("server-port", "public-url"):
                self.assertEqual(findings[check]["status"], "ok", str(run))
            return findings["server-port"]["what"]

        self.assertNotIn("running agentbridge", port_finding("alone"))
        bridge = self.start(["serve"], environment, name="bridge")
        wait_for("it listens", lambda: "listening on" in bridge.err)
        self.assertIn("running agentbridge", port_finding("beside"))
        environment["AGENTBRIDGE_TLS_KEY"] = str(self.authority.issue("other")[1])
        bridge.signal(signal.SIGINT)
        bridge.wait(15)
        run = self.run_to_end(["doctor", "--json"], environment, seconds=20, name="mismatch")
        found = [one for one in json.loads(run.out) if one["check"] == "server-port"][0]
        self.assertEqual(found["status"], "fail", str(run))
        self.assertIn("AGENTBRIDGE_TLS_KEY", found["fix"])

    def test_a_whole_call_of_the_emulator_over_https_and_wss(self):
        emulator = Emulator(self, "--ca", str(self.authority.file))
        bridge = self.run_to_end(["--json", "--target", "+12025550102"],
                                 self.tls_environment(emulator, AGENTBRIDGE_WORKERS="2", WEBSOCKET_PORT="0"))
        self.assert_code(bridge, 0)
        summary = json_objects(bridge.out)[0]
        self.assertEqual((summary["state"], summary["lost_ms"]), ("completed", 0), str(bridge))
        self.assertGreater(summary["frames"], 200)

    def test_sockets_reach_their_call_on_another_thread(self):
        emulator = Emulator(self)
        environment = self.tls_environment(emulator, AGENTBRIDGE_WORKERS="4")
        bridge = self.start(["serve"], environment)
        wait_for("it listens", lambda: "listening" in bridge.out + bridge.err)
        twilio = Twilio(int(environment["SERVER_PORT"]), tls=self.authority.file)
        for _ in range(12):
            wire, sid, stream_sid = twilio.stream()
            for number in range(50):
                wire.send(media(stream_sid, number))
            wire.send(frame(9, b"heard all?"))
            self.assertEqual(wire.frame()[1], b"heard all?")
            wire.close()
            self.assertEqual(twilio.end(sid), 204)
        wait_for("all are told", lambda: bridge.err.count("stream ended") == 12)
        self.assertEqual(bridge.err.count("frames=50 lost_ms=0"), 12, str(bridge))
        bridge.signal(2)
        self.assertEqual(bridge.wait(15), 0, str(bridge))

    def test_other_clients_and_old_versions(self):
        self.start_call()
        address = f"127.0.0.1:{self.port}"
        if shutil.which("curl"):
            curl = subprocess.run(["curl", "-sS", "--noproxy", "*", "--cacert", self.authority.file, "-o", "/dev/null",
                                   "-w", "%{http_code} %{http_version}", f"https://{address}/nothing"],
                                  capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(curl.stdout, "404 1.1", curl.stderr)
        for option, works in (("-tls1_2", True), ("-tls1_3", True), ("-tls1_1", False)):
            result = subprocess.run(["openssl", "s_client", "-connect", address, "-CAfile", self.authority.file,
                                     "-verify_return_error", "-cipher", "DEFAULT@SECLEVEL=0", option],
                                    input="", capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(result.returncode == 0, works, (option, result.stdout[-500:], result.stderr[-500:]))
        plain = socket.create_connection(("127.0.0.1", self.port), 5)
        plain.sendall(b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"speaks TLS", plain.recv(1000))
        plain.close()
        self.end_call()

    def test_a_renewed_certificate_is_used_without_a_restart(self):
        self.start_call()

        def serial():
            context = ssl.create_default_context(cafile=str(self.authority.file))
            with socket.create_connection(("127.0.0.1", self.port), 5) as plain, \
                    context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped:
                return wrapped.getpeercert()["serialNumber"]

        before = serial()
        certificate, key = self.authority.issue("next")
        os.replace(key, self.key)
        os.replace(certificate, self.certificate)
        wait_for("new connections get the new certificate", lambda: serial() != before)
        self.assertIn("read again", self.bridge.err)
        self.end_call()

    def test_a_flood_of_handshakes_leaves_the_call_alone(self):
        self.start_call(key_kind="rsa")  # the dearest kind
        stop, counts = threading.Event(), {"done": 0}

        def hammer():
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            while not stop.is_set():
                try:
                    with socket.create_connection(("127.0.0.1", self.port), 5) as plain, context.wrap_socket(plain):
                        counts["done"] += 1
                except OSError:
                    pass

        threads = [threading.Thread(target=hammer) for _ in range(8)]
        open_ones = [socket.create_connection(("127.0.0.1", self.port), 5) for _ in range(300)]
        for thread in threads:
            thread.start()
        try:
            twilio = Twilio(self.port, tls=self.authority.file)
            until = time.monotonic() + 3
            while time.monotonic() < until:
                self.assertEqual(twilio.end(new_sid()), 204)
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)
            for one in open_ones:
                one.close()
        print(f"{counts['done']} handshakes", flush=True)
        self.assertGreater(counts["done"], 50)
        self.end_call()

    def test_it_says_what_is_wrong_with_the_files(self):
        emulator = Emulator(self)

        def said(certificate, key, code=3):
            environment = self.tls_environment(emulator)
            environment["AGENTBRIDGE_TLS_CERT"], environment["AGENTBRIDGE_TLS_KEY"] = str(certificate), str(key)
            process = self.run_to_end(["serve"], environment)
            self.assert_code(process, code)
            self.assertLessEqual(len(process.err.strip().splitlines()), 5, process.err)
            return process.err

        self.assertIn("/nonexistent.pem", said("/nonexistent.pem", self.key))
        self.assertIn("AGENTBRIDGE_TLS_CERT", said("/nonexistent.pem", self.key))
        self.assertIn("swapped", said(self.key, self.certificate))
        _, other = self.authority.issue("other")
        self.assertIn("does not belong", said(self.certificate, other))
        self.assertIn("AGENTBRIDGE_TLS_KEY", said(self.certificate, ""))


if __name__ == "__main__":
    need_openssl()
    main()
