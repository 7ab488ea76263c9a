#pragma once
// A conference: its participants, its start and end, mute and hold, and what is told about it.
//
//   <Dial><Conference> ─ join ─▶ waiting (music) ─ start ─▶ in the room, mixed ─ leave ─▶ <Dial> goes on

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "emulator/call_line.hpp"
#include "emulator/call_order.hpp"
#include "emulator/callback_queue.hpp"
#include "emulator/timestamps.hpp"

namespace bridge::emulator {

struct Exchange;
class PhoneCall;

/// What a <Conference> or a REST request says about one participant.
struct ParticipantOrder {
    std::string label;
    bool muted = false;
    bool start_on_enter = true, end_on_exit = false;
    bool beep_on_enter = true, beep_on_exit = true;
    /// What is heard before the start: nothing given: Twilio's music; no URL: silence.
    std::optional<Instruction> wait;
    std::size_t most = 250;
    /// Of the conference; only the first participant's counts.
    std::string status_callback, status_callback_method = "POST";
    std::set<std::string> status_events;  ///< start end join leave mute hold modify announcement
};

struct Participant {
    std::string call_sid;
    std::weak_ptr<PhoneCall> call;
    ParticipantOrder order;
    bool connected = false;  ///< it has joined; before that its phone rings
    bool hold = false;
    bool out = false;        ///< it has left, for whatever reason
    bool refused = false;    ///< it is out because its waitUrl failed
    bool beep_on_exit = true;
    Instruction hold_music;  ///< no URL: Twilio's music
    WallTime created, updated;
    std::uint64_t tune = 0;  ///< counts changes of what it hears, so that a late answer is dropped
};

/// Thread: the emulator's.
class Conference : public std::enable_shared_from_this<Conference> {
public:
    struct Refusal {
        int code;
        std::string message;
    };

    Conference(std::shared_ptr<Exchange> exchange, std::string name);

    const std::string& sid() const { return sid_; }
    const std::string& name() const { return name_; }
    /// init, in-progress, completed
    const std::string& status() const { return status_; }
    bool over() const { return status_ == "completed"; }
    WallTime created() const { return created_; }
    WallTime updated() const { return updated_; }
    const std::string& reason_ended() const { return reason_ended_; }
    const std::string& call_ending() const { return call_ending_; }
    const std::vector<std::shared_ptr<Participant>>& participants() const { return participants_; }
    /// By the call's SID or the label.
    std::shared_ptr<Participant> find(const std::string& who) const;

    /// A call that has been created for the conference and has not joined yet.
    std::shared_ptr<Participant> expect(const std::shared_ptr<PhoneCall>& call,
                                        const ParticipantOrder& order);
    /// Errors: 16025 for a label that is taken, 0 when it is full.
    tl::expected<std::shared_ptr<Participant>, Refusal> join(const std::shared_ptr<PhoneCall>& call,
                                                             const ParticipantOrder& order);
    /// It is out, its call goes on. `reason`: participant_hung_up participant_updated_via_api ….
    void leave(const std::shared_ptr<Participant>& participant, const std::string& reason,
               bool kicked = false);
    /// Everybody is out. `reason`: conference-ended-via-api last-participant-left ….
    void end(const std::string& reason, const std::shared_ptr<Participant>& by = nullptr);
    /// A call that was expected has ended instead.
    void call_ended(const std::string& call_sid);

    void mute(const std::shared_ptr<Participant>& participant, bool muted);
    void hold(const std::shared_ptr<Participant>& participant, bool hold, Instruction music);
    void modify(const std::shared_ptr<Participant>& participant, std::optional<bool> end_on_exit,
                std::optional<bool> beep_on_exit);
    /// To one participant, or to all if it is null.
    void announce(const std::shared_ptr<Participant>& participant, Instruction what);
    bool started() const { return status_ == "in-progress"; }

private:
    std::size_t connected() const;
    void start_if_ready();
    /// Gives the line what the participant's state asks for.
    void settle(const std::shared_ptr<Participant>& participant);
    void beep(const std::shared_ptr<Participant>& but);
    /// By value: the list that it is taken from may hold the only other one.
    void remove(std::shared_ptr<Participant> participant, const std::string& reason);
    void tell(const std::string& event, const char* name,
              const std::shared_ptr<Participant>& participant, Fields more = {}, bool last = false);
    static asio::awaitable<void> fetch_music(std::shared_ptr<Conference> self,
                                             std::shared_ptr<Participant> participant,
                                             Instruction from, std::uint64_t tune, bool required);
    static asio::awaitable<void> fetch_announcement(std::shared_ptr<Conference> self,
                                                    std::shared_ptr<Participant> participant,
                                                    Instruction what);

    std::shared_ptr<Exchange> exchange_;
    std::string sid_, name_, status_ = "init";
    std::string reason_ended_, call_ending_;
    WallTime created_, updated_;
    std::vector<std::shared_ptr<Participant>> participants_;
    std::shared_ptr<Room> room_ = std::make_shared<Room>();
    std::string callback_, callback_method_ = "POST";
    std::set<std::string> callback_events_;
    bool has_callback_ = false;
    std::size_t sequence_ = 0;
    std::shared_ptr<CallbackQueue> callbacks_;
};

}  // namespace bridge::emulator
