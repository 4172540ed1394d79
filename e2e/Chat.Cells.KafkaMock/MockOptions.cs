using System.Globalization;
using Chat.Cells.Cell.Messaging;

namespace Chat.Cells.KafkaMock;

/// <summary>What the program was told.</summary>
/// <param name="Brokers">How many brokers.</param>
/// <param name="ListenInfo">The file that gets the address; null for none.</param>
/// <param name="Topics">Full names and partition counts.</param>
public sealed record MockOptions(int Brokers, string? ListenInfo, IReadOnlyList<(string Name, int Partitions)> Topics)
{
    /// <summary>For <c>--help</c>.</summary>
    public const string Usage = """
        kafka-mock: librdkafka's mock Kafka cluster as a process, for tests. Options:
          --brokers N             3
          --listen-info FILE      the first line of the output goes into this file too
          --cells A,B             the topics of these cells, as `--kafka-topics external` wants them
          --size small|full       partition counts of the cells' topics (small)
          --topics NAME:COUNT,…   further topics
        The first line of the output is JSON: {"bootstrap":"host:port,…","brokers":N,"pid":N,"topics":N}. Then it reads commands, one a line, each answered
        with a line "ok" or "error: why":
        """;

    /// <exception cref="FormatException">What can't be used; the message says why.</exception>
    public static MockOptions Read(IReadOnlyList<string> arguments)
    {
        var brokers = 3;
        string? file = null;
        string[] cells = [];
        var counts = Cell.Messaging.Topics.Embedded;
        var topics = new List<(string, int)>();
        for (var i = 0; i < arguments.Count; i += 2)
        {
            if (i + 1 == arguments.Count) throw new FormatException($"{arguments[i]} has no value.");
            var value = arguments[i + 1];
            switch (arguments[i])
            {
                case "--brokers":
                    brokers = Number(value, 9);
                    break;
                case "--listen-info":
                    file = value;
                    break;
                case "--cells":
                    cells = value.Split(',', StringSplitOptions.RemoveEmptyEntries);
                    break;
                case "--size":
                    counts = value switch { "small" => Cell.Messaging.Topics.Embedded, "full" => Cell.Messaging.Topics.Full, _ => throw new FormatException($"--size '{value}' is neither small nor full.") };
                    break;
                case "--topics":
                    topics.AddRange(value.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Topic));
                    break;
                default:
                    throw new FormatException($"{arguments[i]} is not an option.");
            }
        }
        foreach (var cell in cells) topics.AddRange(CellTopics.All(counts, cell, cells.Where(c => c != cell)).Select(t => ($"{cell}.{t.Name}", t.Partitions)));
        return new MockOptions(brokers, file, topics);
    }

    private static (string, int) Topic(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0 ? (text[..colon], Number(text[(colon + 1)..], 10_000)) : throw new FormatException($"--topics '{text}' is not NAME:COUNT.");
    }

    private static int Number(string text, int max) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= max
            ? number
            : throw new FormatException($"'{text}' is not a number from 1 to {max}.");
}
