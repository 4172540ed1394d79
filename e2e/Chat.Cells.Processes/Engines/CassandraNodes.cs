using System.Diagnostics;
using Cassandra;

namespace Chat.Cells.Processes.Engines;

/// <summary>The nodes of the Cassandra that the environment names, which a command of its owner's stops, starts, pauses and resumes.</summary>
public sealed class CassandraNodes
{
    /// <summary>The variable that names the command: a program called with <c>stop</c>, <c>start</c>, <c>pause</c> or <c>resume</c> and a node's address.</summary>
    public const string CommandVariable = "CASSANDRA_NODE_COMMAND";

    private static readonly TimeSpan CommandBound = TimeSpan.FromMinutes(3);
    private readonly RealServers given;
    private readonly string command;

    private CassandraNodes(RealServers given, string command)
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
        return missing is null ? new CassandraNodes(real, program!) : null;
    }

    /// <summary>The addresses of the local datacenter's nodes, in order.</summary>
    /// <exception cref="ClusterException">It does not answer, or has no such datacenter.</exception>
    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var cluster = CassandraNames.Build(given);
            var session = await cluster.ConnectAsync(cancellationToken);
            return [.. session.Hosts.Where(h => h.Datacenter == given.CassandraDatacenter).Select(h => h.Address.Address.ToString()).Order(StringComparer.Ordinal)];
        }
        catch (DriverException e)
        {
            throw new ClusterException($"Cassandra at {given.Cassandra} can't be used: {e.Message}", e);
        }
    }

    /// <summary>Has something done to a node, and waits for the command's end; a node that is started may take longer.</summary>
    /// <param name="what"><c>stop</c>, <c>start</c>, <c>pause</c> or <c>resume</c>.</param>
    /// <param name="address">One of <see cref="ListAsync"/>.</param>
    /// <param name="cancellationToken">Gives up; the command goes on.</param>
    /// <exception cref="ClusterException">The command failed, or did not end in time.</exception>
    public async Task DoAsync(string what, string address, CancellationToken cancellationToken)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(CommandBound);
        try
        {
            using var process = Process.Start(command, [what, address]);
            await process.WaitForExitAsync(bound.Token);
            if (process.ExitCode != 0) throw new ClusterException($"{command} {what} {address} ended with {process.ExitCode}.");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new ClusterException($"{command} ({CommandVariable}) can't be started: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ClusterException($"{command} {what} {address} did not end within {CommandBound.TotalMinutes} min.", e);
        }
    }
}
