using System.Runtime.InteropServices;

namespace Chat.Cells.Processes;

/// <summary>
/// Turns Ctrl-C, Ctrl-\, SIGTERM and SIGHUP into a cancellation instead of the program's sudden end: what was started for a run is stopped with it, however the run is ended.
/// </summary>
public sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly PosixSignalRegistration[] registrations;

    public StopSignals()
    {
        registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGQUIT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, Stop))];
    }

    /// <summary>Cancelled by the first such signal.</summary>
    public CancellationToken Token => stopping.Token;

    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
        stopping.Dispose();
    }

    private void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        stopping.Cancel();
    }
}
