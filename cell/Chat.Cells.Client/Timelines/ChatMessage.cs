namespace Chat.Cells.Client.Timelines;

/// <summary>A message as the server has accepted it. Ordered by <see cref="MessageId"/> (ordinal text), the same for everyone.</summary>
/// <param name="RequestId">Known only for the user's own messages that came in live or by sync.</param>
/// <param name="EventId">The change that it shows; null: it is as it was sent.</param>
/// <param name="IsEdited">The content is not the first one any more.</param>
/// <param name="IsDeleted">The content is gone, and empty here.</param>
public sealed record ChatMessage(
    string ChannelId,
    string MessageId,
    string Sender,
    string ContentType,
    string Content,
    string? ReplyTo,
    int ChannelVersion,
    string? RequestId = null,
    string? EventId = null,
    bool IsEdited = false,
    bool IsDeleted = false);

/// <summary>A channel and its members.</summary>
/// <param name="Type"><c>direct</c> or <c>group</c>.</param>
/// <param name="Home">The cell that decides its members.</param>
/// <param name="Version">Counts changes of the channel.</param>
public sealed record ChatChannel(string ChannelId, string Type, string? Name, string Home, int Version, IReadOnlyList<ChatMember> Members);

/// <param name="Role"><c>owner</c>, <c>admin</c> or <c>member</c>.</param>
public sealed record ChatMember(string UserId, string Role);
