using System.Text.Json;
using Chat.Cells.History.Recording;
using Chat.Cells.Protocol;

namespace Chat.Cells.History.Checking;

/// <summary>What raw frames must hold: an event comes once on a connection, cursors never go backwards, one send has one verdict.</summary>
internal sealed class WireCheck(FailureLog failures)
{
    private readonly Dictionary<(string Device, int Connection), ConnectionLog> connections = [];
    private readonly Dictionary<string, HashSet<string>> seenByDevice = [];
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
            FrameTypes.ChannelChanged or FrameTypes.Read => Text(payload, "eventId"),
            _ => null,
        };
        if (id is null) return;
        var name = $"{type} {Text(payload, "channelId")} {id}";
        if (!log.Events.Add(name))
        {
            failures.Add(Rule.RepeatedOnConnection, $"Device {record.Device} was sent {name} twice on connection {record.Connection}, again at {record.At} us.");
        }
        else
        {
            if (!seenByDevice.TryGetValue(record.Device, out var seen)) seenByDevice.Add(record.Device, seen = []);
            if (!seen.Add(name)) RepeatedAcrossConnections++;
        }
        Cursor(record, log, Text(payload, "cursor"), mayStand: isBatched);
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
