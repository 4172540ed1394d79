using System.Text.Json.Serialization;

namespace Chat.Cells.History.Recording;

/// <summary>One line of a recording: what a client did or saw.</summary>
/// <param name="At">Microseconds since the recording began, on one monotonic clock.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(RunStarted), "run")]
[JsonDerivedType(typeof(DeviceAdded), "device")]
[JsonDerivedType(typeof(MembersSeen), "members")]
[JsonDerivedType(typeof(MessageSent), "send")]
[JsonDerivedType(typeof(SendAcked), "ack")]
[JsonDerivedType(typeof(SendRefused), "refused")]
[JsonDerivedType(typeof(MessageShown), "shown")]
[JsonDerivedType(typeof(ReceiptShown), "receipt")]
[JsonDerivedType(typeof(ConnectionOpened), "opened")]
[JsonDerivedType(typeof(ConnectionClosed), "closed")]
[JsonDerivedType(typeof(FrameSeen), "frame")]
[JsonDerivedType(typeof(FinalTimeline), "timeline")]
[JsonDerivedType(typeof(FinalHistory), "history")]
[JsonDerivedType(typeof(Note), "note")]
public abstract record HistoryRecord(long At);

/// <param name="Seed">What the run's random choices come from.</param>
public sealed record RunStarted(long At, string Name, int Seed, long UnixMilliseconds) : HistoryRecord(At);

/// <summary>A device that has to be shown every message its user is a recipient of.</summary>
public sealed record DeviceAdded(long At, string Device, string User) : HistoryRecord(At);

/// <summary>A channel's members as of a version: what a message of that <c>channelVersion</c> was judged by.</summary>
public sealed record MembersSeen(long At, string Channel, int Version, IReadOnlyList<string> Members) : HistoryRecord(At);

/// <summary>The application asked the SDK to send; the order of these is the order of sending.</summary>
/// <param name="Content">Unique in the recording.</param>
/// <param name="After">The highest message id that the device had been shown in the channel.</param>
public sealed record MessageSent(long At, string Device, string Channel, string RequestId, string Content, string? After, string? ReplyTo) : HistoryRecord(At);

/// <summary>The SDK told the application that the send was accepted: it is shown as sent from now on.</summary>
public sealed record SendAcked(long At, string Device, string RequestId, string MessageId) : HistoryRecord(At);

/// <summary>The SDK told the application that the send was refused for good.</summary>
public sealed record SendRefused(long At, string Device, string RequestId, string Code) : HistoryRecord(At);

/// <summary>The device showed a message it had not shown before.</summary>
/// <param name="Live">False: it came from history after a reset.</param>
public sealed record MessageShown(long At, string Device, string Channel, string MessageId, string Sender, string Content, bool Live) : HistoryRecord(At);

public sealed record ReceiptShown(long At, string Device, string Channel, string User, string? DeliveredUpTo, string? ReadUpTo) : HistoryRecord(At);

public sealed record ConnectionOpened(long At, string Device, int Connection) : HistoryRecord(At);

public sealed record ConnectionClosed(long At, string Device, int Connection, int? Code, string? Reason) : HistoryRecord(At);

/// <param name="Out">From the client to the server.</param>
/// <param name="Text">The frame as it was on the wire.</param>
public sealed record FrameSeen(long At, string Device, int Connection, bool Out, string Text) : HistoryRecord(At);

/// <summary>What the device shows of a channel at the end, top to bottom.</summary>
public sealed record FinalTimeline(long At, string Device, string Channel, IReadOnlyList<string> MessageIds) : HistoryRecord(At);

/// <summary>A channel's whole history at the end as HTTP gives it to a device, oldest first.</summary>
public sealed record FinalHistory(long At, string Device, string Channel, IReadOnlyList<HistoryMessage> Messages) : HistoryRecord(At);

public sealed record HistoryMessage(string MessageId, string Sender, string Content, string? ReplyTo, int ChannelVersion);

/// <summary>For people who read the recording: a kill, a pause.</summary>
public sealed record Note(long At, string Text) : HistoryRecord(At);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(HistoryRecord))]
internal sealed partial class RecordJson : JsonSerializerContext;
