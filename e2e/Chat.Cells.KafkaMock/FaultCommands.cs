using System.Globalization;

namespace Chat.Cells.KafkaMock;

/// <summary>Faults by the line, so that another process can drive them: what the program reads from its standard input.</summary>
public sealed class FaultCommands(MockKafkaCluster cluster)
{
    /// <summary>One line per command.</summary>
    public const string Help = """
        down BROKER|all                broker(s) closed: connections drop, new ones are refused
        up BROKER|all                  broker(s) back, with all they had
        rtt BROKER|all MILLISECONDS    every answer takes this much longer; 0 ends it
        leader TOPIC PARTITION BROKER  move a partition's leader
        coordinator GROUP BROKER       move a group's coordinator
        errors API CODE,CODE…          the next requests of a kind fail, one with each code (API: 0 produce, 1 fetch, 8 offset commit, 11 join group)
        topic NAME PARTITIONS          create a topic
        remake NAME PARTITIONS         delete a topic and create it again, empty
        delete-records TOPIC PARTITION OFFSET   retention: what is below the offset is gone
        """;

    /// <summary>Runs one command. Returns <c>ok</c>, or <c>error: </c> and why; never throws for what was typed.</summary>
    public string Run(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        try
        {
            switch (words)
            {
                case ["down", var broker]:
                    ForEach(broker, cluster.SetBrokerDown);
                    break;
                case ["up", var broker]:
                    ForEach(broker, cluster.SetBrokerUp);
                    break;
                case ["rtt", var broker, var time]:
                    var roundTrip = TimeSpan.FromMilliseconds(Number(time, 600_000));
                    ForEach(broker, number => cluster.SetRoundTrip(number, roundTrip));
                    break;
                case ["leader", var topic, var partition, var broker]:
                    cluster.SetLeader(topic, Number(partition), Number(broker));
                    break;
                case ["coordinator", var group, var broker]:
                    cluster.SetCoordinator(group, Number(broker));
                    break;
                case ["errors", var api, var codes]:
                    cluster.PushErrors((short)Number(api, short.MaxValue), [.. codes.Split(',').Select(c => Number(c))]);
                    break;
                case ["topic", var name, var count]:
                    cluster.CreateTopic(name, Number(count, 10_000));
                    break;
                case ["remake", var name, var count]:
                    var partitions = Number(count, 10_000);
                    cluster.DeleteTopic(name);
                    cluster.CreateTopic(name, partitions);
                    break;
                case ["delete-records", var topic, var partition, var before]:
                    cluster.DeleteRecords(topic, Number(partition), Number(before));
                    break;
                default:
                    return $"error: not a command: '{line}'";
            }
            return "ok";
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException)
        {
            return $"error: {e.Message}";
        }
    }

    private void ForEach(string broker, Action<int> act)
    {
        if (broker != "all")
        {
            act(Number(broker));
            return;
        }
        for (var number = 1; number <= cluster.Brokers; number++) act(number);
    }

    private static int Number(string text, int max = int.MaxValue) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= max
            ? number
            : throw new FormatException($"'{text}' is not a number from 0 to {max}");
}
