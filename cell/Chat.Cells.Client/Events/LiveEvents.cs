using Chat.Cells.Client.Presence;

namespace Chat.Cells.Client.Events;

/// <summary>The presence of a user whom this device views.</summary>
public sealed record PresenceChanged(UserPresence Presence) : ChatEvent;

/// <summary>Another member types in a channel, or stopped: they said so, sent the message, or said nothing for 6 s.</summary>
public sealed record TypingChanged(string ChannelId, string UserId, bool Typing) : ChatEvent;
