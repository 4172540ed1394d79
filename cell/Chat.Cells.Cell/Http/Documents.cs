using System.Text.Json.Serialization;

namespace Chat.Cells.Cell.Http;

/// <summary>A device as its client describes it.</summary>
/// <param name="Name">What the user calls it.</param>
/// <param name="Kind">For example <c>browser</c>, <c>phone</c>, <c>desktop</c>.</param>
public sealed record DeviceDocument(string? Name, string? Kind);

/// <param name="Handle">The name without its region: 2 to 31 characters of a-z, 0-9, '.', '_', '-'.</param>
/// <param name="Password">8 to 128 characters.</param>
public sealed record SignUpRequest(string Handle, string Password, string? DisplayName, DeviceDocument Device);

public sealed record LoginRequest(string Password, DeviceDocument Device);

public sealed record RefreshRequest(string RefreshToken);

/// <param name="ExpiresAt">The access token's end, Unix ms.</param>
/// <param name="RefreshToken">Good for one use: each answer brings the next one.</param>
public sealed record SessionDocument(string UserId, string Handle, string DisplayName, string DeviceId, string AccessToken, long ExpiresAt, string RefreshToken);

/// <param name="Ticket">The WebSocket subprotocol to offer is <c>ticket.</c> and this.</param>
/// <param name="ExpiresAt">Unix ms.</param>
public sealed record TicketDocument(string Ticket, long ExpiresAt);

public sealed record ProfileDocument(string UserId, string Handle, string DisplayName);

/// <param name="CreatedAt">Unix ms.</param>
/// <param name="LastSeenAt">Unix ms.</param>
/// <param name="Current">The device that asks.</param>
public sealed record DeviceInfoDocument(string DeviceId, string Name, string Kind, long CreatedAt, long LastSeenAt, bool Current);

public sealed record DevicesDocument(IReadOnlyList<DeviceInfoDocument> Devices);

public sealed record ContactsDocument(IReadOnlyList<ContactDocument> Contacts);

public sealed record ContactDocument(string UserId, string? Handle, string? DisplayName);

/// <param name="Type"><c>direct</c> with <paramref name="UserId"/>, or <c>group</c> with <paramref name="Name"/> and <paramref name="UserIds"/>.</param>
/// <param name="RequestId">Printable ASCII, 1 to 64 characters; a retry with the same one is the same creation.</param>
public sealed record CreateChannelRequest(string Type, string? UserId, string? Name, IReadOnlyList<string>? UserIds, string RequestId);

public sealed record RenameChannelRequest(string Name, string RequestId);

/// <param name="Role"><c>owner</c>, <c>admin</c> or <c>member</c>.</param>
public sealed record PutMemberRequest(string Role, string RequestId);

/// <param name="Type"><c>direct</c> or <c>group</c>.</param>
/// <param name="Home">The cell that decides its members.</param>
public sealed record ChannelDocument(string ChannelId, string Type, string? Name, string Home, int Version, IReadOnlyList<MemberDocument> Members);

public sealed record MemberDocument(string UserId, string Role);

/// <param name="Next">Pass as <c>after</c> for the next page; absent on the last one.</param>
public sealed record ChannelsDocument(IReadOnlyList<ChannelDocument> Channels, string? Next);

/// <summary>The command was taken, and travels to the channel's home; the outcome comes as <c>channel_changed</c>.</summary>
public sealed record AcceptedDocument(string ChannelId, string Home, string Status);

/// <summary>A message as it is now.</summary>
/// <param name="ContentType">Absent where the message is deleted.</param>
/// <param name="Content">As it was edited last; absent where the message is deleted.</param>
/// <param name="EventId">Of the change that made it so; absent where there was none.</param>
public sealed record MessageDocument(
    string MessageId, string Sender, string? ContentType, string? Content, string? ReplyTo, int ChannelVersion, string? EventId, bool? Edited, bool? Deleted);

/// <param name="Messages">Newest first.</param>
/// <param name="Next">Pass as <c>before</c> for older ones; absent when there are none.</param>
public sealed record HistoryDocument(IReadOnlyList<MessageDocument> Messages, string? Next);

public sealed record ReceiptsDocument(IReadOnlyList<ReceiptDocument> Receipts);

public sealed record ReceiptDocument(string UserId, string? DeliveredUpTo, string? ReadUpTo);

/// <param name="Channels">Those with unread messages.</param>
/// <param name="Total">Of all channels; with <paramref name="Capped"/> that many or more.</param>
public sealed record UnreadDocument(IReadOnlyList<ChannelUnreadDocument> Channels, int Total, bool? Capped);

/// <param name="Count">Messages of others above the read pointer, at most 100.</param>
/// <param name="Capped">True: that many or more, to be shown as 99+.</param>
/// <param name="LastReadMessageId">The read pointer that it was counted from; absent when nothing was read.</param>
public sealed record ChannelUnreadDocument(string ChannelId, int Count, bool? Capped, string? LastReadMessageId);

/// <summary>RFC 9457, with our code.</summary>
/// <param name="RetryAfter">ms.</param>
/// <param name="Home">The user's home cell, with code <c>moved</c>.</param>
public sealed record ProblemDocument(string Type, string Title, int Status, string Code, string? Detail, string? Home, int? RetryAfter);

public sealed record HandleClaimRequest(string Handle, string UserId);

public sealed record JwksDocument(IReadOnlyList<JwkDocument> Keys);

public sealed record JwkDocument(string Kid, string Kty, string Crv, string X, string Y, string Alg, string Use);

public sealed record HealthDocument(string Status, IReadOnlyDictionary<string, string>? Checks);

/// <summary>Every document, compiled.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 16)]
[JsonSerializable(typeof(SignUpRequest))]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(RefreshRequest))]
[JsonSerializable(typeof(SessionDocument))]
[JsonSerializable(typeof(TicketDocument))]
[JsonSerializable(typeof(ProfileDocument))]
[JsonSerializable(typeof(DevicesDocument))]
[JsonSerializable(typeof(ContactsDocument))]
[JsonSerializable(typeof(CreateChannelRequest))]
[JsonSerializable(typeof(RenameChannelRequest))]
[JsonSerializable(typeof(PutMemberRequest))]
[JsonSerializable(typeof(ChannelDocument))]
[JsonSerializable(typeof(ChannelsDocument))]
[JsonSerializable(typeof(AcceptedDocument))]
[JsonSerializable(typeof(HistoryDocument))]
[JsonSerializable(typeof(ReceiptsDocument))]
[JsonSerializable(typeof(UnreadDocument))]
[JsonSerializable(typeof(ProblemDocument))]
[JsonSerializable(typeof(HandleClaimRequest))]
[JsonSerializable(typeof(JwksDocument))]
[JsonSerializable(typeof(HealthDocument))]
internal sealed partial class HttpJson : JsonSerializerContext;
