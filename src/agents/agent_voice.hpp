#pragma once
// The voice of an agent whose service streams sound in pieces: which utterance a piece belongs to,
// and whether anything the agent said may still be heard.

#include <memory>
#include <span>
#include <utility>

#include "call/voice_sink.hpp"

namespace bridge::agents {

/// Thread: the call's io thread.
class AgentVoice {
public:
    void attach(std::shared_ptr<call::VoiceSink> voice) {
        voice_ = std::move(voice);
        open_ = false;
    }
    /// Lets go of it; what waits to be spoken stays with the call.
    void detach() { attach(nullptr); }

    /// The open utterance; begins one if none is.
    call::UtteranceId open() {
        if (!open_ && voice_) {
            last_ = voice_->begin();
            open_ = true;
        }
        return last_;
    }
    bool is_open() const { return open_; }

    void write(std::span<const std::int16_t> samples) {
        if (!voice_ || samples.empty()) return;
        open();
        voice_->write(samples);
    }

    /// Nothing more comes for the open utterance.
    void end() {
        if (voice_ && open_) voice_->end();
        open_ = false;
    }
    /// The open utterance was cut off; what comes next is another one.
    void cut() { open_ = false; }
    /// Stops at once, if anything may still be heard.
    void cancel() {
        if (voice_ && unheard()) voice_->cancel();
        open_ = false;
        settled_ = last_;
    }

    /// The call has told what became of it: played, cut off or lost.
    void settle(call::UtteranceId utterance) {
        if (utterance > settled_) settled_ = utterance;
    }
    /// Something the agent said may still be waiting or playing.
    bool unheard() const { return last_ > settled_; }
    call::UtteranceId last() const { return last_; }
    std::size_t waiting() const { return voice_ ? voice_->waiting() : 0; }

private:
    std::shared_ptr<call::VoiceSink> voice_;
    bool open_ = false;
    call::UtteranceId last_ = 0, settled_ = 0;
};

}  // namespace bridge::agents
