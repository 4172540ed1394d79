using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chat.Cells.Client.Wire;

internal sealed record Envelope<T>(string Type, T Payload, long Timestamp, string? RequestId = null);

internal sealed record InboundEnvelope(string? Type, JsonElement Payload, string? RequestId);

internal sealed record ChatMessageOut(string ChannelId, string Content, string ContentType, string? After, string? AfterRequest, string? ReplyTo);

internal sealed record EditMessageOut(string ChannelId, string MessageId, string Content, string ContentType);

internal sealed record DeleteMessageOut(string ChannelId, string MessageId);

internal sealed record SyncOut([property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Cursor);

internal sealed record DeliveredOut(string Cursor);

internal sealed record ReadReceiptOut(string ChannelId, string LastReadMessageId, string? Cursor);

internal sealed record AuthOut(string Token);

internal sealed record Nothing;

internal sealed record HeartbeatOut(string Status);

internal sealed record PresenceSubscribeOut(IReadOnlyList<string> UserIds);

internal sealed record TypingOut(string ChannelId, bool Typing);

internal sealed record PresenceIn(string? UserId, string? Status, long? LastActiveAt, IReadOnlyList<string?>? Devices);

internal sealed record TypingIn(string? ChannelId, string? UserId, bool Typing);

internal sealed record MessageAckIn(string? MessageId, string? ChannelId, string? Status, string? EventId);

internal sealed record ErrorIn(string? Code, string? Message, long? RetryAfter, string? Home);

internal sealed record NewMessageIn(
    string? ChannelId,
    string? MessageId,
    string? Sender,
    string? ContentType,
    string? Content,
    string? ReplyTo,
    int ChannelVersion,
    string? Cursor,
    string? RequestId);

internal sealed record MessageChangedIn(
    string? ChannelId,
    string? MessageId,
    string? EventId,
    string? Sender,
    string? By,
    string? ContentType,
    string? Content,
    bool Deleted,
    string? Cursor,
    string? RequestId);

internal sealed record MemberIn(string? UserId, string? Role);

internal sealed record ChannelChangedIn(
    string? ChannelId,
    string? Type,
    string? Name,
    string? Home,
    int Version,
    IReadOnlyList<MemberIn>? Members,
    bool Removed,
    string? EventId,
    string? Cursor);

internal sealed record ReadIn(string? ChannelId, string? ReadUpTo, string? ReadCursor, string? EventId, string? Cursor);

internal sealed record ReceiptIn(string? ChannelId, string? UserId, string? DeliveredUpTo, string? ReadUpTo);

internal sealed record UnreadIn(IReadOnlyList<ChannelUnreadIn?>? Channels, bool All);

internal sealed record ChannelUnreadIn(string? ChannelId, int Count, bool Capped, string? LastReadMessageId);

internal sealed record EventIn(string? Type, JsonElement Payload);

internal sealed record SyncBatchIn(IReadOnlyList<EventIn>? Events, string? Cursor, bool More);

internal sealed record SyncResetIn(string? Cursor);

internal sealed record AuthOkIn(long ExpiresAt);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    MaxDepth = 32)]
[JsonSerializable(typeof(InboundEnvelope))]
[JsonSerializable(typeof(Envelope<ChatMessageOut>))]
[JsonSerializable(typeof(Envelope<EditMessageOut>))]
[JsonSerializable(typeof(Envelope<DeleteMessageOut>))]
[JsonSerializable(typeof(Envelope<SyncOut>))]
[JsonSerializable(typeof(Envelope<DeliveredOut>))]
[JsonSerializable(typeof(Envelope<ReadReceiptOut>))]
[JsonSerializable(typeof(Envelope<AuthOut>))]
[JsonSerializable(typeof(Envelope<Nothing>))]
[JsonSerializable(typeof(Envelope<HeartbeatOut>))]
[JsonSerializable(typeof(Envelope<PresenceSubscribeOut>))]
[JsonSerializable(typeof(Envelope<TypingOut>))]
[JsonSerializable(typeof(PresenceIn))]
[JsonSerializable(typeof(TypingIn))]
[JsonSerializable(typeof(MessageAckIn))]
[JsonSerializable(typeof(ErrorIn))]
[JsonSerializable(typeof(NewMessageIn))]
[JsonSerializable(typeof(MessageChangedIn))]
[JsonSerializable(typeof(ChannelChangedIn))]
[JsonSerializable(typeof(ReadIn))]
[JsonSerializable(typeof(ReceiptIn))]
[JsonSerializable(typeof(UnreadIn))]
[JsonSerializable(typeof(SyncBatchIn))]
[JsonSerializable(typeof(SyncResetIn))]
[JsonSerializable(typeof(AuthOkIn))]
internal sealed partial class FrameJson : JsonSerializerContext;
