using System.Text.Json;
using System.Text.Json.Nodes;
using Chat.Cells.History.Recording;

namespace Chat.Cells.History.Tests;

/// <summary>Makes recordings of runs in which everything went right, from a seed.</summary>
internal static class GoodHistory
{
    public const string Direct = "d.1";
    public const string Group = "g.eu.2";

    private static readonly (string Device, string User)[] Devices =
        [("a-phone", "eu.anna"), ("a-laptop", "eu.anna"), ("b-phone", "eu.ben"), ("c-phone", "us.cleo"), ("c-laptop", "us.cleo")];

    private static readonly Dictionary<string, string[]> Channels = new() { [Direct] = ["eu.anna", "eu.ben"], [Group] = ["eu.anna", "eu.ben", "us.cleo"] };

    public static string Id(int n) => $"01J{n:D23}";

    /// <summary>Messages in both channels by random devices, each shown live on every device of every member, some of it in another order than that of ids.</summary>
    public static List<HistoryRecord> Make(int seed, int messages)
    {
        var random = new Random(seed);
        var records = new List<HistoryRecord>();
        long at = 0;
        var cursors = Devices.ToDictionary(d => d.Device, _ => 0);
        var highest = new Dictionary<(string, string), string>();
        var histories = Channels.Keys.ToDictionary(c => c, _ => new List<HistoryMessage>());
        records.Add(new RunStarted(at++, "good", seed, 0));
        foreach (var (device, user) in Devices)
        {
            records.Add(new DeviceAdded(at++, device, user));
            records.Add(new ConnectionOpened(at++, device, 1));
        }
        foreach (var (channel, members) in Channels) records.Add(new MembersSeen(at++, channel, 1, members));
        for (var n = 1; n <= messages; n++)
        {
            var channel = random.Next(2) == 0 ? Direct : Group;
            var speakers = Devices.Where(d => Channels[channel].Contains(d.User)).ToArray();
            var (device, user) = speakers[random.Next(speakers.Length)];
            var after = highest.GetValueOrDefault((device, channel));
            var message = new HistoryMessage(Id(n), user, $"content {n}", random.Next(3) == 0 ? after : null, 1);
            records.Add(new MessageSent(at++, device, channel, $"r{n}", message.Content, after, message.ReplyTo));
            histories[channel].Add(message);
            records.Add(Frame(at++, device, "message_ack", new { messageId = message.MessageId, channelId = channel, status = "accepted" }, $"r{n}"));
            records.Add(new SendAcked(at++, device, $"r{n}", message.MessageId));
            foreach (var (other, _) in speakers.OrderBy(_ => random.Next()))
            {
                records.Add(Frame(at++, other, "new_message", new { channelId = channel, messageId = message.MessageId, sender = user, content = message.Content, cursor = $"1.0.{++cursors[other]}" }, null));
                records.Add(new MessageShown(at++, other, channel, message.MessageId, user, message.Content, true));
                highest[(other, channel)] = message.MessageId;
            }
            if (random.Next(4) == 0) records.Add(new ReceiptShown(at++, device, channel, user, message.MessageId, message.MessageId));
        }
        foreach (var (device, user) in Devices)
        {
            foreach (var (channel, members) in Channels)
            {
                if (!members.Contains(user)) continue;
                records.Add(new FinalTimeline(at++, device, channel, histories[channel].Select(m => m.MessageId).ToArray()));
                records.Add(new FinalHistory(at++, device, channel, histories[channel].ToArray()));
            }
        }
        return records;
    }

    public static FrameSeen Frame(long at, string device, string type, object payload, string? requestId, int connection = 1) =>
        new(at, device, connection, Out: false, JsonSerializer.Serialize(new { type, payload, timestamp = 1L, requestId }));

    /// <summary>The payload of a <c>sync_batch</c> with the event of a live frame, at a cursor.</summary>
    public static JsonObject BatchOf(FrameSeen live, string cursor)
    {
        var frame = JsonNode.Parse(live.Text)!;
        var payload = frame["payload"]!.DeepClone();
        payload["cursor"] = cursor;
        return new JsonObject
        {
            ["events"] = new JsonArray(new JsonObject { ["type"] = frame["type"]!.DeepClone(), ["payload"] = payload }),
            ["cursor"] = cursor,
            ["more"] = false,
        };
    }
}
