using Chat.Cells.LocalCluster.PodRunner.Spec;

namespace Chat.Cells.LocalCluster.PodRunner.Probes;

/// <summary>What the probes of one run of a container have found.</summary>
public abstract record ProbeFinding
{
    /// <summary>The startup probe passed (or there is none).</summary>
    public sealed record Started : ProbeFinding;

    /// <summary>The container became ready, or no longer is.</summary>
    public sealed record Readiness(bool Ready) : ProbeFinding;

    /// <summary>The container must be restarted.</summary>
    public sealed record MustRestart(string Probe, string Message) : ProbeFinding;

    /// <summary>A probe failed once; worth an event.</summary>
    public sealed record Unhealthy(string Probe, string Message) : ProbeFinding;
}

/// <summary>Runs a container's probes from its start to its end: startup first, then liveness and readiness side by side.</summary>
public sealed class ContainerProbes(ContainerSpec container, string podIP, Prober prober, TimeProvider time, Action<ProbeFinding> report)
{
    /// <summary>Runs until cancelled.</summary>
    /// <param name="alreadyStarted">The startup probe passed in this run before (the runner was restarted meanwhile).</param>
    /// <param name="ready">The readiness known so far.</param>
    /// <param name="uptime">How long the container has run, for the initial delays.</param>
    /// <param name="cancellationToken">Ends the probing; then the method returns normally.</param>
    public async Task RunAsync(bool alreadyStarted, bool ready, TimeSpan uptime, CancellationToken cancellationToken)
    {
        try
        {
            var began = time.GetTimestamp();
            if (!alreadyStarted)
            {
                if (container.StartupProbe is { } startup && !await StartupAsync(startup, uptime, cancellationToken))
                {
                    return;
                }

                report(new ProbeFinding.Started());
            }

            var up = uptime + time.GetElapsedTime(began);
            await Task.WhenAll(
                container.LivenessProbe is { } liveness ? LivenessAsync(liveness, up, cancellationToken) : Task.CompletedTask,
                container.ReadinessProbe is { } readiness ? ReadinessAsync(readiness, ready, up, cancellationToken) : Task.CompletedTask);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return; // the run has ended
        }
    }

    private async Task<bool> StartupAsync(ProbeSpec probe, TimeSpan uptime, CancellationToken cancellationToken)
    {
        var threshold = new ProbeThreshold(probe, initially: false);
        await InitialDelayAsync(probe, uptime, cancellationToken);
        while (true)
        {
            var result = await OnceAsync("Startup", probe, cancellationToken);
            if (threshold.Add(result.Success))
            {
                if (!result.Success)
                {
                    report(new ProbeFinding.MustRestart("Startup", result.Message));
                }

                return result.Success;
            }

            await PeriodAsync(probe, cancellationToken);
        }
    }

    private async Task LivenessAsync(ProbeSpec probe, TimeSpan uptime, CancellationToken cancellationToken)
    {
        var threshold = new ProbeThreshold(probe, initially: true);
        await InitialDelayAsync(probe, uptime, cancellationToken);
        while (true)
        {
            var result = await OnceAsync("Liveness", probe, cancellationToken);
            if (threshold.Add(result.Success) && !result.Success)
            {
                report(new ProbeFinding.MustRestart("Liveness", result.Message));
                return;
            }

            await PeriodAsync(probe, cancellationToken);
        }
    }

    private async Task ReadinessAsync(ProbeSpec probe, bool ready, TimeSpan uptime, CancellationToken cancellationToken)
    {
        var threshold = new ProbeThreshold(probe, ready);
        var reported = ready;
        var everReady = ready;
        await InitialDelayAsync(probe, uptime, cancellationToken);
        while (true)
        {
            var result = await OnceAsync("Readiness", probe, cancellationToken);
            threshold.Add(result.Success);
            if (threshold.Healthy != reported)
            {
                reported = threshold.Healthy;
                report(new ProbeFinding.Readiness(reported));
            }

            // Until it is ready for the first time somebody waits for it: ask every second, whatever the period.
            everReady |= reported;
            await (everReady ? PeriodAsync(probe, cancellationToken) : Task.Delay(TimeSpan.FromSeconds(1), time, cancellationToken));
        }
    }

    private async Task<ProbeResult> OnceAsync(string name, ProbeSpec probe, CancellationToken cancellationToken)
    {
        var result = await prober.ProbeAsync(probe, podIP, container.Ports, time, cancellationToken);
        if (!result.Success)
        {
            report(new ProbeFinding.Unhealthy(name, result.Message));
        }

        return result;
    }

    private Task InitialDelayAsync(ProbeSpec probe, TimeSpan uptime, CancellationToken cancellationToken)
    {
        var delay = TimeSpan.FromSeconds(probe.InitialDelaySeconds ?? 0) - uptime;
        return delay > TimeSpan.Zero ? Task.Delay(delay, time, cancellationToken) : Task.CompletedTask;
    }

    private Task PeriodAsync(ProbeSpec probe, CancellationToken cancellationToken) =>
        Task.Delay(TimeSpan.FromSeconds(probe.PeriodSeconds is > 0 and var seconds ? seconds : 10), time, cancellationToken);
}
