using Chat.Cells.Cell.Engines.Kafka;
using Confluent.Kafka;

namespace Chat.Cells.Processes.Engines;

/// <summary>The brokers of the Kafka that the environment names, which a command of its owner's stops, starts, pauses and resumes.</summary>
public sealed class KafkaNodes : IServerNodes
{
    /// <summary>The variable that names the command: see <see cref="NodeCommand"/>; a broker's address is <c>host:port</c>.</summary>
    public const string CommandVariable = "KAFKA_NODE_COMMAND";

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);
    private readonly string servers;
    private readonly NodeCommand command;

    private KafkaNodes(string servers, NodeCommand command)
    {
        this.servers = servers;
        this.command = command;
    }

    /// <summary>Partitions have a copy more than an ack needs, with two brokers as with three.</summary>
    public int Surviving => 2;

    /// <summary>Null, and why in <paramref name="missing"/>, where no brokers are given or nothing may stop them.</summary>
    public static KafkaNodes? Read(Func<string, string?> environment, out string? missing)
    {
        var real = RealServers.Read(environment);
        var program = environment(CommandVariable);
        missing = real.Kafka is null ? $"{RealServers.KafkaVariable} is not set: there is no Kafka to fail"
            : string.IsNullOrEmpty(program) ? $"{CommandVariable} is not set: nothing stops a broker of the Kafka"
            : null;
        return missing is null ? new KafkaNodes(real.Kafka!, new NodeCommand(CommandVariable, program!)) : null;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken)
    {
        try
        {
            LibrdkafkaLoader.EnsureLoaded();
            using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = servers }).SetLogHandler((_, _) => { }).Build();
            var brokers = await Task.Run(() => admin.GetMetadata(Timeout).Brokers, cancellationToken);
            return [.. brokers.Select(b => FormattableString.Invariant($"{b.Host}:{b.Port}")).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is KafkaException or DllNotFoundException)
        {
            throw new ClusterException($"Kafka at {servers} can't be used: {e.Message}", e);
        }
    }

    /// <inheritdoc cref="NodeCommand.DoAsync"/>
    public Task DoAsync(string what, string address, CancellationToken cancellationToken) => command.DoAsync(what, address, cancellationToken);
}
