#pragma once
// One side of a call and its recognizer: sound in, pieces of the transcript out.
//
//   TrackTap ─▶ CallTranscript ─▶ Side (far) ─┬─▶ Teller ─▶ redaction ─▶ news
//                             └─▶ Side (near) ┘

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "call/transcript.hpp"

namespace bridge::transcribers {

/// Thread: the call's io thread, for every member.
class Side {
public:
    /// Who is told. Nothing is told from inside a member of Side.
    class Teller {
    public:
        virtual ~Teller() = default;
        virtual void piece(call::TranscriptPiece piece) = 0;
        /// `running`, `lost`, `failed`; a clause why.
        virtual void status(call::LineEnd end, call::TranscriptionStatus status,
                            std::string reason) = 0;
        /// Its last word.
        virtual void ended(call::LineEnd end) = 0;
        /// Sound that nobody will understand any more.
        virtual void missed(std::chrono::milliseconds sound) = 0;
        /// From when it was spoken to when it was understood for good.
        virtual void took(std::chrono::milliseconds time) = 0;
        virtual void reconnected() = 0;
    };

    virtual ~Side() = default;
    virtual void sound(std::uint64_t at, std::span<const std::int16_t> samples) = 0;
    /// Silence up to here.
    virtual void silence_to(std::uint64_t at) = 0;
    /// No more comes; what is under way is still told, and then `ended`.
    virtual void finish() = 0;
    /// Samples that its recognizer has not been given yet.
    virtual std::size_t waiting() const = 0;
};

}  // namespace bridge::transcribers
