using Chat.Cells.Client.Connections;
using Chat.Cells.Client.Messaging;
using Chat.Cells.Client.Timelines;
using Chat.Cells.Client.Unread;

namespace Chat.Cells.Client.Events;

/// <summary>Something an application shows or acts on.</summary>
public abstract record ChatEvent;

/// <summary>A message that the device didn't know; it is in its channel's timeline.</summary>
/// <param name="Live">False: it came from history after a <c>sync_reset</c>.</param>
public sealed record MessageReceived(ChatMessage Message, bool Live) : ChatEvent;

/// <summary>One of this device's sends was accepted; the message is in its channel's timeline.</summary>
/// <param name="New">False: it had come in before its ack did.</param>
public sealed record SendAccepted(ChatMessage Message, string RequestId, bool New) : ChatEvent;

/// <summary>One of this device's sends was refused for good.</summary>
public sealed record SendRefused(SendOutcome Outcome, string ChannelId) : ChatEvent;

/// <summary>A message in its channel's timeline was edited or deleted, by this device or another.</summary>
/// <param name="Message">As it is now.</param>
/// <param name="By">The user who changed it; null when history showed it.</param>
public sealed record MessageChanged(ChatMessage Message, string? By) : ChatEvent;

/// <summary>One of this device's edits or deletions was refused for good: the message stays as it is.</summary>
public sealed record ChangeRefused(ChangeOutcome Outcome, string ChannelId) : ChatEvent;

/// <param name="Removed">The user is no longer a member.</param>
public sealed record ChannelUpdated(ChatChannel Channel, bool Removed) : ChatEvent;

/// <summary>The user read a channel on another device.</summary>
public sealed record ReadElsewhere(string ChannelId, string ReadUpTo) : ChatEvent;

/// <summary>How far another member has received and read. A null says nothing new of it.</summary>
public sealed record ReceiptReceived(string ChannelId, string UserId, string? DeliveredUpTo, string? ReadUpTo) : ChatEvent;

/// <summary>Unread counts are other than before; <see cref="ChatClient.Unread"/> has them all. Not raised for what <see cref="ChatClient.MarkRead"/> changes at once.</summary>
/// <param name="Changed">The new counts of the channels concerned; 0: nothing is unread there any more.</param>
public sealed record UnreadChanged(IReadOnlyList<UnreadCount> Changed) : ChatEvent;

/// <param name="End">How the last connection ended, when one did.</param>
/// <param name="Wait">How long until the next attempt.</param>
public sealed record ConnectionChanged(ConnectionState State, ConnectionEnd? End, TimeSpan? Wait) : ChatEvent;

/// <summary>Everything missed has come in.</summary>
/// <param name="Reset">It came from history, not from the cursor.</param>
public sealed record Synced(bool Reset) : ChatEvent;

/// <summary>The user's home is now another cell.</summary>
public sealed record Moved(string Home) : ChatEvent;

/// <summary>The server complained of something that is not a send.</summary>
public sealed record ServerComplained(string Code, string? Message) : ChatEvent;
