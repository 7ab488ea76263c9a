// <Gather>: digits from the phone, while prompts are spoken that the first key ends.

#include <fmt/format.h>

#include "base/spawn.hpp"
#include "emulator/exchange.hpp"
#include "emulator/interpreter.hpp"

namespace bridge::emulator {

using std::chrono::milliseconds;

struct Interpreter::Prompts {
    explicit Prompts(const asio::any_io_executor& executor) : finished(executor) {}
    Signal finished;
};

asio::awaitable<void> Interpreter::run_prompts(Interpreter* self, const XmlElement* gather,
                                               std::shared_ptr<Prompts> prompts) {
    for (const auto& verb : gather->children) {
        if (self->done() || self->keys_interrupt_) break;
        if (verb.name == "Say") co_await self->say(verb);
        if (verb.name == "Play") co_await self->play(verb);
        if (verb.name == "Pause") co_await self->pause(verb);
    }
    prompts->finished.raise();
}

asio::awaitable<void> Interpreter::gather(const XmlElement& verb) {
    const auto input = verb.attribute_or("input", "dtmf");
    if (input.find("speech") != std::string::npos) {
        complain(12200, fmt::format("line {}: this emulator does not recognise speech in <Gather>",
                                    verb.line));
        if (input.find("dtmf") == std::string::npos) co_return;
    }
    const auto most = number_attribute(verb, "numDigits", 0);  // 0: no limit
    const auto finish = verb.attribute_or("finishOnKey", "#");
    const auto patience =
        exchange_.scaled(milliseconds(number_attribute(verb, "timeout", 5) * 1000));
    auto& line = call_->line();

    keys_interrupt_ = false;
    const auto prompts = std::make_shared<Prompts>(exchange_.executor);
    // `this` and `verb` live in coroutines that wait below until the prompts are through.
    spawn(exchange_.executor, "prompts of " + call_->sid(), run_prompts(this, &verb, prompts));
    std::string digits;
    bool finished = false;
    while (!prompts->finished.raised() && !done() && digits.empty() && !finished) {
        const auto key = co_await line.next_digit(milliseconds(50));
        if (!key) continue;
        finished = finish.find(*key) != std::string::npos;
        if (!finished) digits += *key;
    }
    keys_interrupt_ = true;
    while (!prompts->finished.raised()) {
        line.interrupt();
        co_await prompts->finished.wait_for(milliseconds(20));
    }
    keys_interrupt_ = false;
    while (!finished && !done() && (most == 0 || static_cast<long>(digits.size()) < most)) {
        const auto key = co_await line.next_digit(patience);
        if (!key) break;
        finished = finish.find(*key) != std::string::npos;
        if (!finished) digits += *key;
    }
    if (done()) co_return;
    const bool empty_too = verb.attribute_or("actionOnEmptyResult", "false") == "true";
    if (digits.empty() && !empty_too) co_return;
    go_to_action(verb, document_.url, {{"Digits", digits}});
}

}  // namespace bridge::emulator
