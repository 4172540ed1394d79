namespace Chat.Cells.Processes.Engines;

/// <summary>The nodes of servers that aren't the run's, and somebody who may stop them.</summary>
public interface IServerNodes
{
    /// <summary>With so many nodes the cells go on without one of them.</summary>
    int Surviving { get; }

    /// <summary>The nodes' addresses, in order.</summary>
    /// <exception cref="ClusterException">None answers.</exception>
    Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken);

    /// <inheritdoc cref="NodeCommand.DoAsync"/>
    Task DoAsync(string what, string address, CancellationToken cancellationToken);
}
