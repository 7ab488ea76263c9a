"""The agent that needs no cloud, on whole calls: the built-in Twilio's scripted caller leaves a message with the
receptionist; and a language model and a speech-to-text server, both written here, hold a conversation."""

import http.server
import json
import threading

from harness import EndToEnd, Emulator, main

CALLER = "+12025550109"
ASKER = "+12025550143"

# Whoever is asked something by the greeting answers, hears the model's answer and its goodbye, and is hung up on.
CALLER_OF_THE_MODEL = """
wait speech 300
wait silence 800
say What time is it in Paris?
wait speech 300
wait silence 1200
say Thank you, goodbye.
wait speech 300
pause 20s
hangup
"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/inference":
            answer = json.dumps({"text": self.server.understand(body)}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for piece in self.server.think(json.loads(body)):
            self.wfile.write(b"data: " + json.dumps(piece).encode() + b"\n\n")
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


def words(text):
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


class Backend(http.server.ThreadingHTTPServer):
    """whisper.cpp's server and a language model's in one: it knows what the caller says, in order."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard = []
        self.questions = []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def understand(self, form):
        with self.lock:
            self.heard.append(len(form))
            said = ["What time is it in Paris?", "Thank you, goodbye."]
            return said[min(len(self.heard), len(said)) - 1]

    def think(self, question):
        with self.lock:
            self.questions.append(question)
        last = question["messages"][-1]
        if last["role"] == "user" and "goodbye" in last["content"]:
            call = {"index": 0, "id": "c1", "type": "function",
                    "function": {"name": "end_call", "arguments": "{\"reason\": \"the caller said goodbye\"}"}}
            return [words("Goodbye."), {"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}]
        if last["role"] == "tool":
            return [{"choices": [{"delta": {}, "finish_reason": "stop"}]}]
        return [words("It is "), words("noon. The sun is shining."), {"choices": [{"delta": {}, "finish_reason": "stop"}]}]


class LocalAgent(EndToEnd):
    def receptionist_understands_speech(self, output):
        if "understands keys only" in output or "without PocketSphinx" in output:
            self.skipTest("built without PocketSphinx, or without its model")

    def test_a_scripted_caller_leaves_a_message_and_is_hung_up_on(self):
        emulator = Emulator(self)
        call = self.run_to_end(["call", "--target", CALLER, "--agent", "local", "--yes"],
                               self.bridge_environment(emulator), seconds=170)
        self.receptionist_understands_speech(call.err)
        self.assert_code(call, 0)
        messages = list((self.folder / "state").rglob("messages/*.json"))
        self.assertEqual(len(messages), 1, str(call))
        self.assertEqual(messages[0].stat().st_mode & 0o777, 0o600)
        message = json.loads(messages[0].read_text())
        self.assertEqual(message["number"], "5551234")
        self.assertIn("tomorrow morning", message["text"])
        self.assertIn("The caller spoke for", message["text"])
        said = call.out + call.err
        self.assertIn("i would like to leave a message please", said)
        self.assertIn("Your message has been taken", said)
        self.assert_nothing_left_open(emulator)

    def test_the_demo_holds_that_conversation_and_keeps_nothing(self):
        demo = self.run_to_end(["demo", "--agent", "local"], seconds=170)
        self.receptionist_understands_speech(demo.err)
        self.assert_code(demo, 0)
        self.assertIn("Thank you for calling", demo.out + demo.err)
        self.assertEqual(list(self.folder.rglob("messages/*.json")), [])

    def test_a_language_model_answers_sentence_by_sentence_and_ends_the_call(self):
        backend = Backend()
        self.addCleanup(backend.server_close)
        self.addCleanup(backend.shutdown)
        script = self.folder / "caller.txt"
        script.write_text(CALLER_OF_THE_MODEL)
        emulator = Emulator(self, "--persona", f"{ASKER}=script:{script}")
        base = f"http://127.0.0.1:{backend.server_address[1]}"
        call = self.run_to_end(["call", "--target", ASKER, "--agent", "local", "--yes"], self.bridge_environment(
            emulator, AGENTBRIDGE_LLM_URL=base + "/v1", AGENTBRIDGE_LLM_MODEL="small",
            AGENTBRIDGE_WHISPER_URL=base + "/inference"), seconds=90)
        self.assert_code(call, 0)
        said = call.out + call.err
        for line in ("What time is it in Paris?", "It is noon.", "The sun is shining.", "Goodbye."):
            self.assertIn(line, said)
        first = backend.questions[0]
        self.assertEqual(first["model"], "small")
        self.assertIn("end_call", [tool["function"]["name"] for tool in first["tools"]])
        self.assertEqual(backend.questions[1]["messages"][-1]["content"], "Thank you, goodbye.")
        self.assert_nothing_left_open(emulator)

    def test_half_a_cascade_is_found_before_anybody_is_called(self):
        emulator = Emulator(self)
        call = self.run_to_end(["call", "--target", CALLER, "--agent", "local", "--yes"], self.bridge_environment(
            emulator, AGENTBRIDGE_LLM_URL="http://127.0.0.1:9/v1", AGENTBRIDGE_LLM_MODEL="small"))
        self.assert_code(call, 3)
        self.assertIn("AGENTBRIDGE_VOSK_URL", call.err)
        self.assertEqual(emulator.calls(), [])


if __name__ == "__main__":
    main()
