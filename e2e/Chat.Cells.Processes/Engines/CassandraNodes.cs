using System.Net;
using Cassandra;

namespace Chat.Cells.Processes.Engines;

/// <summary>The nodes of the Cassandra that the environment names, which a command of its owner's stops, starts, pauses and resumes.</summary>
public sealed class CassandraNodes : IServerNodes
{
    /// <summary>The variable that names the command: a program called with <c>stop</c>, <c>start</c>, <c>pause</c> or <c>resume</c> and a node's address.</summary>
    public const string CommandVariable = "CASSANDRA_NODE_COMMAND";

    private readonly RealServers given;
    private readonly NodeCommand command;

    private CassandraNodes(RealServers given, NodeCommand command)
    {
        this.given = given;
        this.command = command;
    }

    /// <summary>Null, and why in <paramref name="missing"/>, where no nodes are given or nothing may stop them.</summary>
    public static CassandraNodes? Read(Func<string, string?> environment, out string? missing)
    {
        var real = RealServers.Read(environment);
        var program = environment(CommandVariable);
        missing = real.Cassandra is null ? $"{RealServers.CassandraVariable} is not set: there is no Cassandra to fail"
            : string.IsNullOrEmpty(program) ? $"{CommandVariable} is not set: nothing stops a node of the Cassandra"
            : null;
        return missing is null ? new CassandraNodes(real, new NodeCommand(CommandVariable, program!)) : null;
    }

    /// <summary>Each row has three copies then, and LOCAL_QUORUM needs two.</summary>
    public int Surviving => 3;

    /// <summary>The addresses of the local datacenter's nodes, in order.</summary>
    /// <exception cref="ClusterException">It does not answer, or has no such datacenter.</exception>
    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken)
    {
        var hosts = await HostsAsync(given, cancellationToken);
        return [.. hosts.Where(h => h.Datacenter == given.CassandraDatacenter).Select(h => h.Address.Address.ToString()).Order(StringComparer.Ordinal)];
    }

    /// <summary>Where the nodes of all datacenters are: first one of those that are given.</summary>
    /// <exception cref="ClusterException">It does not answer, or has no such datacenter.</exception>
    public static async Task<IReadOnlyList<IPEndPoint>> FindAllAsync(RealServers given, CancellationToken cancellationToken) => [.. (await HostsAsync(given, cancellationToken)).Select(h => h.Address)];

    /// <inheritdoc cref="NodeCommand.DoAsync"/>
    public Task DoAsync(string what, string address, CancellationToken cancellationToken) => command.DoAsync(what, address, cancellationToken);

    private static async Task<IReadOnlyCollection<Host>> HostsAsync(RealServers given, CancellationToken cancellationToken)
    {
        try
        {
            await using var cluster = CassandraNames.Build(given);
            return (await cluster.ConnectAsync(cancellationToken)).Hosts;
        }
        catch (DriverException e)
        {
            throw new ClusterException($"Cassandra at {given.Cassandra} can't be used: {e.Message}", e);
        }
    }
}
