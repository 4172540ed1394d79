using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chat.Cells.Cell.Presence;

/// <summary>
/// What two cells tell each other over a stream of presence and typing, as JSON text. The cell that opened it sends <c>watch</c>, <c>typing</c> and <c>ping</c>; the other
/// <c>presence</c> (of each watched user at once, then on each change) and <c>ping</c>.
/// </summary>
/// <param name="Add">Users to watch.</param>
/// <param name="Remove">Users not to watch any more.</param>
internal sealed record PeerFrame(string Type, IReadOnlyList<string>? Add = null, IReadOnlyList<string>? Remove = null, IReadOnlyList<PeerTyping>? Typing = null, IReadOnlyList<PeerPresence>? Users = null)
{
    public const string Watch = "watch";
    public const string Types = "typing";
    public const string Presence = "presence";
    public const string Ping = "ping";

    /// <summary>The most users in one frame.</summary>
    public const int MaxUsers = 500;

    public static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(5);

    /// <summary>How long a stream that says nothing stays open.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(20);

    public byte[] Encode() => JsonSerializer.SerializeToUtf8Bytes(this, PeerJson.Default.PeerFrame);

    /// <summary>Null for what is no frame.</summary>
    public static PeerFrame? Decode(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, PeerJson.Default.PeerFrame) is { Type: not null } frame ? frame : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

internal sealed record PeerTyping(string ChannelId, string UserId, bool Typing);

/// <param name="LastActiveAt">Unix ms.</param>
internal sealed record PeerPresence(string UserId, PresenceStatus Status, long? LastActiveAt, IReadOnlyList<string>? Devices)
{
    public static PeerPresence From(PresenceSnapshot snapshot) => new(snapshot.UserId, snapshot.Status, snapshot.LastActiveAt, snapshot.Devices.Count == 0 ? null : snapshot.Devices);

    /// <summary>Null for what can't be: another cell's word isn't taken as it comes.</summary>
    public PresenceSnapshot? ToSnapshot()
    {
        var devices = Devices ?? [];
        if (UserId is null || !Enum.IsDefined(Status) || LastActiveAt < 0 || devices.Count > 100) return null;
        foreach (var device in devices)
        {
            if (device is null || DeviceKinds.Normalize(device) != device) return null;
        }
        return new PresenceSnapshot(UserId, Status, LastActiveAt, devices, 0);
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, UseStringEnumConverter = true, MaxDepth = 8)]
[JsonSerializable(typeof(PeerFrame))]
internal sealed partial class PeerJson : JsonSerializerContext;
