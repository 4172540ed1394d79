using System.Globalization;
using Chat.Cells.LocalCluster.PodRunner.Probes;
using Chat.Cells.LocalCluster.PodRunner.Spec;
using Chat.Cells.LocalCluster.PodRunner.State;
using Chat.Cells.LocalCluster.PodRunner.Volumes;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>Why a container does not run.</summary>
internal sealed record Waiting(string Reason, string Message);

/// <summary>
/// One container of a pod: starts it, notices its end, restarts it by the pod's policy with back-off, and stops it with the grace it was given.
/// Only the pod's worker calls it; probes and exits come back to the worker through <paramref name="post"/>.
/// </summary>
internal sealed class ContainerSlot(string name, PodRuntime runtime, Action<Action> post)
{
    private static readonly Waiting Creating = new(KubeletNames.ContainerCreating, "");
    private ContainerRun? run;
    private DateTimeOffset notBefore;

    public ContainerRecord Record { get; private set; } = new();

    public Waiting? Waiting { get; private set; } = Creating;

    public bool IsRunning => run is not null;

    public bool Ready => run is { Ready: true };

    /// <summary>Ended, and by the pod's policy never to run again.</summary>
    public bool Finished { get; private set; }

    /// <summary>Something changed that the record on disk must know.</summary>
    public bool Dirty { get; private set; }

    /// <summary>The moment at which <see cref="Step"/> has something to do again; null when nothing is planned.</summary>
    public DateTimeOffset? Due => run?.KillAt ?? (run is null && !Finished ? notBefore : null);

    /// <summary>Whether the process is not a child of this runner, so that its end must be looked for.</summary>
    public bool MustPoll => run is { Child: null };

    public ContainerRecord TakeRecord()
    {
        Dirty = false;
        return Record;
    }

    /// <summary>Takes up after the runner's own restart.</summary>
    public void Restore(PodObject? pod, ContainerSpec? spec, ContainerRecord record, string uid, string podIP, bool wasReady)
    {
        Record = record;
        var left = ProcessIdentity.ReadFile(runtime.Records.ProcessFile(uid, name)) ?? record.Process;
        if (left is { IsAlive: true })
        {
            Record = Record with { Process = left, StartedAt = Record.StartedAt ?? runtime.Time.GetUtcNow() };
            Begin(pod, spec, podIP, left, child: null, wasReady);
            runtime.Logger.ContainerAdopted(pod?.Display ?? uid, name, left.Pid);
        }
        else if (record.Process is not null)
        {
            // It ended while nobody watched. That is no crash of its own: it runs again at once.
            Record = Record with
            {
                Process = null,
                FailuresInARow = 0,
                Started = false,
                LastTermination = new TerminationRecord(137, KubeletNames.ContainerStatusUnknown, "The process ended while the pod runner was not running",
                    record.StartedAt ?? runtime.Time.GetUtcNow(), runtime.Time.GetUtcNow()),
            };
            Dirty = true;
        }

        Finished = run is null && Record.LastTermination is { } last && pod is not null && !RestartsAfter(pod, last.ExitCode);
    }

    /// <summary>Brings the container closer to what it should be: running.</summary>
    public void Step(PodObject pod, ContainerSpec spec, PodPlacement placement, string? podProblem, string? podProblemReason)
    {
        var now = runtime.Time.GetUtcNow();
        if (run is not null)
        {
            StepStop(now);
            return;
        }

        if (Finished || now < notBefore)
        {
            return;
        }

        if (podProblem is not null)
        {
            Wait(pod, podProblemReason ?? KubeletNames.CreateContainerConfigError, podProblem, now);
            return;
        }

        if (runtime.Images.CommandLine(spec.Image) is not { } image)
        {
            Wait(pod, KubeletNames.ErrImageNeverPull, runtime.Images.Refusal(spec.Image), now);
            return;
        }

        ContainerLaunch launch;
        string workingFolder;
        try
        {
            var volumes = new PodVolumes(runtime.Records.Folder(pod.Metadata.Uid), runtime.ClaimsFolder);
            volumes.Refresh(pod, runtime.Objects);
            launch = ContainerCommand.Resolve(pod, spec, image, placement, runtime.Objects, volumes.MountPaths(pod, spec),
                pod.Spec.AutomountServiceAccountToken == false ? null : runtime.Kubeconfig);
            workingFolder = volumes.WorkingFolder(pod, spec);
        }
        catch (Exception e) when (e is PodConfigException or ArgumentException)
        {
            Wait(pod, KubeletNames.CreateContainerConfigError, e.Message, now);
            return;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Wait(pod, KubeletNames.CreateContainerConfigError, $"the pod's volumes could not be made: {e.Message}", now);
            return;
        }

        Start(pod, spec, placement, launch, workingFolder, now);
    }

    /// <summary>What it waits for may be there now. A crash's back-off is not shortened.</summary>
    public void RetryNow()
    {
        if (run is null && Waiting is not { Reason: KubeletNames.CrashLoopBackOff })
        {
            notBefore = default;
        }
    }

    /// <summary>Asks the process to end, and makes it end when the grace is over.</summary>
    public void Stop(TimeSpan grace, string why)
    {
        if (run is null)
        {
            return;
        }

        var now = runtime.Time.GetUtcNow();
        if (run.StopReason is null)
        {
            run.StopReason = why;
            run.StopProbing();
            ProcessSignals.TrySend(run.Identity, UnixSignal.Terminate);
            run.KillAt = now + grace;
        }
        else if (run.KillAt > now + grace)
        {
            run.KillAt = now + grace; // a shorter grace was given later
        }

        StepStop(now);
    }

    /// <summary>Looks whether an adopted process has ended.</summary>
    public void Poll(PodObject? pod)
    {
        if (run is { Child: null } && !run.Identity.IsAlive)
        {
            Ended(pod, run, exitCode: null);
        }
    }

    /// <summary>Cuts a log that has grown too long. The process appends by itself, so the file is copied and emptied in place.</summary>
    public void LimitLog(string uid)
    {
        var log = new FileInfo(runtime.Records.LogFile(uid, name));
        if (log.Exists && log.Length > runtime.LogLimit)
        {
            log.CopyTo(runtime.Records.LogFile(uid, name) + ".1", overwrite: true);
            using var file = log.Open(FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            file.SetLength(0);
        }
    }

    /// <summary>Forgets the process without touching it.</summary>
    public Task LetGoAsync()
    {
        var current = run;
        run = null;
        return current is null ? Task.CompletedTask : current.LetGoAsync();
    }

    private void StepStop(DateTimeOffset now)
    {
        if (run?.KillAt is { } killAt && now >= killAt)
        {
            ProcessSignals.TrySend(run.Identity, UnixSignal.Kill);
            run.KillAt = now + TimeSpan.FromSeconds(5);
        }
    }

    private void Wait(PodObject pod, string reason, string message, DateTimeOffset now)
    {
        notBefore = now + TimeSpan.FromSeconds(1);
        var waiting = new Waiting(reason, message);
        if (waiting != Waiting)
        {
            Waiting = waiting;
            if (reason == KubeletNames.ContainerCreating)
            {
                runtime.Logger.ContainerNotYet(pod.Display, name, message);
                return;
            }

            runtime.Logger.ContainerWaits(pod.Display, name, reason, message);
            runtime.Reporter.Event(pod, warning: true, reason == KubeletNames.ErrImageNeverPull ? reason : "Failed", message);
        }
    }

    private void Start(PodObject pod, ContainerSpec spec, PodPlacement placement, ContainerLaunch launch, string workingFolder, DateTimeOffset now)
    {
        var uid = pod.Metadata.Uid;
        var log = runtime.Records.LogFile(uid, name);
        DetachedProcess child;
        try
        {
            if (File.Exists(log))
            {
                File.Move(log, runtime.Records.PreviousLogFile(uid, name), overwrite: true);
            }

            child = DetachedProcess.Start(new DetachedStart(launch.Command, launch.Environment, workingFolder, log, runtime.Records.ProcessFile(uid, name)));
        }
        catch (IOException e)
        {
            Wait(pod, KubeletNames.RunContainerError, e.Message, now);
            return;
        }

        Record = Record with
        {
            Process = child.Identity,
            StartedAt = now,
            Started = false,
            RestartCount = Record.StartedAt is null ? 0 : Record.RestartCount + 1,
        };
        Dirty = true;
        Begin(pod, spec, placement.PodIP, child.Identity, child, wasReady: false);
        runtime.Logger.ContainerStarted(pod.Display, name, child.Identity.Pid, placement.PodIP);
        runtime.Reporter.Event(pod, warning: false, "Started", $"Started container {name}");
    }

    private void Begin(PodObject? pod, ContainerSpec? spec, string podIP, ProcessIdentity identity, DetachedProcess? child, bool wasReady)
    {
        var started = new ContainerRun(identity, child) { Ready = wasReady };
        run = started;
        Waiting = null;
        if (child is not null)
        {
            started.WatchExit(exitCode => post(() => Ended(pod, started, exitCode)));
        }

        if (pod is not null && spec is not null)
        {
            var uptime = Record.StartedAt is { } at ? runtime.Time.GetUtcNow() - at : TimeSpan.Zero;
            if (spec.StartupProbe is null && !Record.Started)
            {
                Found(pod, spec, started, new ProbeFinding.Started());
            }

            started.Ready |= Record.Started && spec.ReadinessProbe is null;
            var probes = new ContainerProbes(spec, podIP, runtime.Prober, runtime.Time, finding => post(() => Found(pod, spec, started, finding)));
            started.Probe(probes, Record.Started, wasReady, uptime);
        }
    }

    private void Found(PodObject pod, ContainerSpec spec, ContainerRun of, ProbeFinding finding)
    {
        if (of != run || of.StopReason is not null)
        {
            return; // an old run's probe, or one that is being stopped
        }

        switch (finding)
        {
            case ProbeFinding.Started when !Record.Started:
                Record = Record with { Started = true };
                of.Ready |= spec.ReadinessProbe is null;
                Dirty = true;
                break;
            case ProbeFinding.Readiness readiness:
                of.Ready = readiness.Ready;
                break;
            case ProbeFinding.Unhealthy unhealthy:
                runtime.Reporter.Event(pod, warning: true, "Unhealthy", $"{unhealthy.Probe} probe failed: {unhealthy.Message}");
                break;
            case ProbeFinding.MustRestart restart:
                runtime.Logger.ProbeRestarts(pod.Display, name, restart.Probe, restart.Message);
                runtime.Reporter.Event(pod, warning: false, "Killing", $"Container {name} failed {restart.Probe.ToLowerInvariant()} probe, will be restarted");
                var probe = restart.Probe == "Startup" ? spec.StartupProbe : spec.LivenessProbe;
                Stop(TimeSpan.FromSeconds(probe?.TerminationGracePeriodSeconds ?? pod.Spec.TerminationGracePeriodSeconds ?? 30), restart.Probe);
                break;
        }
    }

    private void Ended(PodObject? pod, ContainerRun ended, int? exitCode)
    {
        if (ended != run)
        {
            return;
        }

        run = null;
        _ = ended.LetGoAsync();
        var now = runtime.Time.GetUtcNow();
        var startedAt = Record.StartedAt ?? now;
        var termination = exitCode switch
        {
            null => new TerminationRecord(137, KubeletNames.ContainerStatusUnknown, "The exit code is not known: the process outlived the pod runner that started it", startedAt, now),
            0 => new TerminationRecord(0, KubeletNames.Completed, null, startedAt, now),
            { } code => new TerminationRecord(code, KubeletNames.Error, null, startedAt, now),
        };
        var failures = CrashBackoff.Next(Record.FailuresInARow, now - startedAt);
        Record = Record with { Process = null, Started = false, LastTermination = termination, FailuresInARow = failures };
        Dirty = true;
        runtime.Logger.ContainerEnded(pod?.Display ?? name, name, termination.ExitCode, termination.Reason);
        if (pod is null)
        {
            return;
        }

        Finished = !RestartsAfter(pod, termination.ExitCode);
        if (!Finished && ended.StopReason is null or "Startup" or "Liveness")
        {
            var delay = CrashBackoff.Delay(failures);
            notBefore = now + delay;
            Waiting = new Waiting(KubeletNames.CrashLoopBackOff, string.Create(CultureInfo.InvariantCulture, $"back-off {delay.TotalSeconds:0}s restarting failed container={name} pod={pod.Metadata.Name}"));
            runtime.Reporter.Event(pod, warning: true, "BackOff", $"Back-off restarting failed container {name} (exit code {termination.ExitCode.ToString(CultureInfo.InvariantCulture)})");
        }
    }

    private static bool RestartsAfter(PodObject pod, int exitCode) => pod.Spec.RestartPolicy switch
    {
        "Never" => false,
        "OnFailure" => exitCode != 0,
        _ => true,
    };
}
