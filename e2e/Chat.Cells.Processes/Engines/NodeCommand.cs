using System.Diagnostics;

namespace Chat.Cells.Processes.Engines;

/// <summary>
/// A program of the owner of servers that aren't the run's, which stops, starts, pauses and resumes one of them: called with <c>stop</c>, <c>start</c>, <c>pause</c> or
/// <c>resume</c> and a node's address.
/// </summary>
/// <param name="variable">The environment variable that names it.</param>
/// <param name="program">The program.</param>
public sealed class NodeCommand(string variable, string program)
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(3);

    /// <summary>Has something done to a node, and waits for the program's end; a node that is started may take longer.</summary>
    /// <param name="what"><c>stop</c>, <c>start</c>, <c>pause</c> or <c>resume</c>.</param>
    /// <param name="address">The node.</param>
    /// <param name="cancellationToken">Gives up; the program goes on.</param>
    /// <exception cref="ClusterException">The program failed, or did not end in time.</exception>
    public async Task DoAsync(string what, string address, CancellationToken cancellationToken)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(Bound);
        try
        {
            using var process = Process.Start(program, [what, address]);
            await process.WaitForExitAsync(bound.Token);
            if (process.ExitCode != 0) throw new ClusterException($"{program} {what} {address} ended with {process.ExitCode}.");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new ClusterException($"{program} ({variable}) can't be started: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ClusterException($"{program} {what} {address} did not end within {Bound.TotalMinutes} min.", e);
        }
    }
}
