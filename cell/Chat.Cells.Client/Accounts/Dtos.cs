using System.Text.Json.Serialization;

namespace Chat.Cells.Client.Accounts;

internal sealed record SignUpRequest(string Handle, string Password, string DisplayName, DeviceInfo Device);

internal sealed record LogInRequest(string Password, DeviceInfo Device);

internal sealed record RefreshRequest(string RefreshToken);

internal sealed record CreateChannelRequest(string Type, string RequestId, string? UserId, string? Name, IReadOnlyList<string>? UserIds);

internal sealed record PutMemberRequest(string Role, string RequestId);

internal sealed record RenameRequest(string Name, string RequestId);

internal sealed record MemberDto(string UserId, string Role);

internal sealed record ChannelDto(string? ChannelId, string? Type, string? Name, string? Home, int Version, IReadOnlyList<MemberDto>? Members);

internal sealed record ChannelPage(IReadOnlyList<ChannelDto>? Channels, string? Next);

internal sealed record MessageDto(
    string MessageId, string Sender, string? ContentType, string? Content, string? ReplyTo, int ChannelVersion, string? EventId, bool Edited, bool Deleted);

internal sealed record MessagePage(IReadOnlyList<MessageDto>? Messages, string? Next);

internal sealed record ReceiptDto(string UserId, string? DeliveredUpTo, string? ReadUpTo);

internal sealed record ReceiptList(IReadOnlyList<ReceiptDto>? Receipts);

internal sealed record UnreadDto(string? ChannelId, int Count, bool Capped);

internal sealed record UnreadList(IReadOnlyList<UnreadDto>? Channels, int Total, bool Capped);

internal sealed record CellList(int Version, IReadOnlyList<CellStatus>? Cells);

internal sealed record Problem(string? Title, string? Code, string? Detail, string? Home, long? RetryAfter);

/// <summary>A cell as the router sees it.</summary>
public sealed record CellStatus(string Name, string Region, string State, bool Healthy);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Session))]
[JsonSerializable(typeof(Profile))]
[JsonSerializable(typeof(SignUpRequest))]
[JsonSerializable(typeof(LogInRequest))]
[JsonSerializable(typeof(RefreshRequest))]
[JsonSerializable(typeof(CreateChannelRequest))]
[JsonSerializable(typeof(PutMemberRequest))]
[JsonSerializable(typeof(RenameRequest))]
[JsonSerializable(typeof(ChannelDto))]
[JsonSerializable(typeof(ChannelPage))]
[JsonSerializable(typeof(MessagePage))]
[JsonSerializable(typeof(ReceiptList))]
[JsonSerializable(typeof(UnreadList))]
[JsonSerializable(typeof(CellList))]
[JsonSerializable(typeof(Problem))]
internal sealed partial class HttpJson : JsonSerializerContext;
