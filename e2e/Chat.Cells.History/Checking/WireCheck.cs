using System.Text.Json;
using Chat.Cells.History.Recording;
using Chat.Cells.Protocol;

namespace Chat.Cells.History.Checking;

/// <summary>
/// What raw frames must hold: an event comes once on a connection and always at the same cursor, cursors never go backwards, one send has one verdict.
/// </summary>
/// <remarks>
/// A cursor is a place in the user's inbox, the same for all of the user's devices, live and in a batch, however often it is sent: an event at two cursors, of whichever epoch,
/// is in the inbox twice. Clients drop the second one by its id, so that only the frames show it.
/// </remarks>
/// <param name="users">Users by device, as far as they are known.</param>
/// <param name="failures">What is broken.</param>
internal sealed class WireCheck(IReadOnlyDictionary<string, string> users, FailureLog failures)
{
    private readonly Dictionary<(string Device, int Connection), ConnectionLog> connections = [];
    private readonly Dictionary<string, HashSet<string>> seenByDevice = [];
    private readonly Dictionary<(string User, string Event), (string Cursor, string Device)> places = [];
    private readonly Dictionary<(string Device, string RequestId), string> acked = [];

    private sealed class ConnectionLog
    {
        public HashSet<string> Events { get; } = [];
        public CursorOrder Cursor { get; set; }
        public string CursorText { get; set; } = "";
    }

    public int Connections => connections.Count;

    public int RepeatedAcrossConnections { get; private set; }

    /// <summary>Message ids that the server acked on the wire, by device and request.</summary>
    public IReadOnlyDictionary<(string Device, string RequestId), string> Acked => acked;

    public void Opened(ConnectionOpened record) => connections.TryAdd((record.Device, record.Connection), new ConnectionLog());

    public void Frame(FrameSeen record)
    {
        if (record.Out) return;
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(record.Text);
        }
        catch (JsonException)
        {
            failures.Add(Rule.Phantom, $"The server sent device {record.Device} a frame that is not JSON on connection {record.Connection}.");
            return;
        }
        using (document)
        {
            var root = document.RootElement;
            var type = Text(root, "type");
            if (!root.TryGetProperty("payload", out var payload) || payload.ValueKind != JsonValueKind.Object) return;
            var key = (record.Device, record.Connection);
            if (!connections.TryGetValue(key, out var log)) connections.Add(key, log = new ConnectionLog());
            switch (type)
            {
                case FrameTypes.SyncBatch:
                    if (payload.TryGetProperty("events", out var events) && events.ValueKind == JsonValueKind.Array)
                    {
                        foreach (var item in events.EnumerateArray())
                        {
                            if (item.TryGetProperty("payload", out var inner)) Event(record, log, Text(item, "type"), inner, isBatched: true);
                        }
                    }
                    Cursor(record, log, Text(payload, "cursor"), mayStand: true);
                    break;
                case FrameTypes.SyncReset:
                    Cursor(record, log, Text(payload, "cursor"), mayStand: true);
                    break;
                case FrameTypes.MessageAck:
                    Ack(record, Text(root, "requestId"), Text(payload, "messageId"));
                    break;
                default:
                    Event(record, log, type, payload, isBatched: false);
                    break;
            }
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private void Event(FrameSeen record, ConnectionLog log, string? type, JsonElement payload, bool isBatched)
    {
        var id = type switch
        {
            FrameTypes.NewMessage => Text(payload, "messageId"),
            FrameTypes.ChannelChanged or FrameTypes.Read or FrameTypes.MessageChanged => Text(payload, "eventId"),
            _ => null,
        };
        if (id is null) return;
        var name = $"{type} {Text(payload, "channelId")} {id}";
        var cursor = Text(payload, "cursor");
        if (cursor is null) failures.Add(Rule.CursorBackwards, $"Device {record.Device} was sent {name} without a cursor on connection {record.Connection}, at {record.At} us.");
        if (!log.Events.Add(name))
        {
            failures.Add(Rule.RepeatedOnConnection, $"Device {record.Device} was sent {name} twice on connection {record.Connection}, again at {record.At} us.");
        }
        else
        {
            if (!seenByDevice.TryGetValue(record.Device, out var seen)) seenByDevice.Add(record.Device, seen = []);
            var isRepeat = !seen.Add(name);
            if ((cursor is null || IsInItsPlace(record, name, cursor)) && isRepeat) RepeatedAcrossConnections++;
        }
        Cursor(record, log, cursor, mayStand: isBatched);
    }

    private bool IsInItsPlace(FrameSeen record, string name, string cursor)
    {
        var user = users.GetValueOrDefault(record.Device, record.Device);
        if (places.TryAdd((user, name), (cursor, record.Device))) return true;
        var (first, device) = places[(user, name)];
        if (first == cursor) return true;
        failures.Add(Rule.Duplicated, $"The inbox of {user} has {name} twice: at {first}, as device {device} was sent it, and at {cursor}, as device {record.Device} was on connection {record.Connection} at {record.At} us.");
        return false;
    }

    private void Cursor(FrameSeen record, ConnectionLog log, string? text, bool mayStand)
    {
        if (text is null) return;
        if (!CursorOrder.TryParse(text, out var cursor))
        {
            failures.Add(Rule.CursorBackwards, $"Device {record.Device} was sent a cursor whose order is not known: {text}.");
            return;
        }
        var step = log.CursorText.Length == 0 ? 1 : CursorOrder.Compare(cursor, log.Cursor);
        if (step < 0 || (step == 0 && !mayStand))
        {
            failures.Add(Rule.CursorBackwards, $"Device {record.Device}, connection {record.Connection}: cursor {text} came after {log.CursorText}, at {record.At} us.");
        }
        log.Cursor = cursor;
        log.CursorText = text;
    }

    private void Ack(FrameSeen record, string? requestId, string? messageId)
    {
        if (requestId is null || messageId is null) return;
        var key = (record.Device, requestId);
        if (acked.TryGetValue(key, out var known) && known != messageId)
        {
            failures.Add(Rule.TwoVerdicts, $"Device {record.Device}: send {requestId} was acked as {known} and as {messageId}.");
            return;
        }
        acked[key] = messageId;
    }
}

/// <summary>The order of cursors: dotted numbers, compared from the left. The protocol calls them opaque; the check looks inside.</summary>
internal readonly record struct CursorOrder(long Epoch, long Bucket, long Offset)
{
    public static bool TryParse(string text, out CursorOrder cursor)
    {
        cursor = default;
        var parts = text.Split('.');
        if (parts.Length != 3 || !long.TryParse(parts[0], out var epoch) || !long.TryParse(parts[1], out var bucket) || !long.TryParse(parts[2], out var offset)) return false;
        cursor = new CursorOrder(epoch, bucket, offset);
        return true;
    }

    public static int Compare(CursorOrder a, CursorOrder b) => (a.Epoch, a.Bucket, a.Offset).CompareTo((b.Epoch, b.Bucket, b.Offset));
}
