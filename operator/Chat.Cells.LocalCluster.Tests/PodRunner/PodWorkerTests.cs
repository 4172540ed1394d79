using System.Text.Json;
using Chat.Cells.LocalCluster.PodRunner;
using Chat.Cells.LocalCluster.PodRunner.Probes;
using Chat.Cells.LocalCluster.PodRunner.Spec;
using Chat.Cells.LocalCluster.PodRunner.State;
using Chat.Cells.LocalCluster.Processes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.LocalCluster.Tests.PodRunner;

/// <summary>One pod with real processes, without an API.</summary>
public sealed class PodWorkerTests : IAsyncLifetime
{
    private const string Sleeper = """{"name":"c","image":"sleep","args":["1000"]}""";
    private readonly TestFolder folder = new();
    private readonly FakeObjects objects = new();
    private readonly FakeReporter reporter = new();
    private readonly Prober prober = new();
    private CancellationTokenSource stop = new();
    private PodRuntime runtime = null!;
    private Task<bool> running = Task.FromResult(false);

    public Task InitializeAsync()
    {
        File.WriteAllText(folder.File("images.json"), JsonSerializer.Serialize(new Dictionary<string, string[]>(StringComparer.Ordinal)
        {
            ["sleep"] = ["sleep"],
            ["sh"] = ["sh", "-c"],
            ["node"] = ["node", "-e"],
        }));
        runtime = new PodRuntime
        {
            Records = new PodRecordStore(folder.File("pods")),
            Images = ImageMap.Load(folder.File("images.json")),
            Objects = objects,
            Reporter = reporter,
            Prober = prober,
            Time = TimeProvider.System,
            Logger = NullLogger.Instance,
            ClaimsFolder = folder.File("volumes"),
            Kubeconfig = folder.File("kubeconfig"),
            LogLimit = 2000,
        };
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        foreach (var record in runtime.Records.LoadAll((_, _) => { }))
        {
            foreach (var name in record.Containers.Keys)
            {
                if (ProcessIdentity.ReadFile(runtime.Records.ProcessFile(record.Uid, name)) is { } process)
                {
                    ProcessSignals.TrySend(process, UnixSignal.Kill);
                    await ProcessSignals.WaitForExitAsync(process, TimeSpan.FromSeconds(30), TimeProvider.System, CancellationToken.None);
                }
            }
        }

        prober.Dispose();
        stop.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task Run_SleepingContainer_IsReadyAndGoesWhenTheObjectGoes()
    {
        var pod = Pods.Make(Sleeper);
        var worker = Start(pod);
        await ReadyAsync();
        Assert.Equal(("Running", "127.77.0.10"), (reporter.Last!.Phase, reporter.Last.PodIP));
        Assert.All(reporter.Last.Conditions!, condition => Assert.Equal("True", condition.Status));
        var process = await ProcessAsync(pod);

        worker.Gone();

        Assert.True(await running);
        Assert.False(process.IsAlive);
        Assert.False(reporter.Removed);
        Assert.False(Directory.Exists(runtime.Records.Folder(pod.Metadata.Uid)));
    }

    [Fact]
    public async Task Run_DeletedPod_IsStoppedAndThenRemovedFromTheApi()
    {
        var pod = Pods.Make(Sleeper);
        var worker = Start(pod);
        await ReadyAsync();
        worker.Update(pod with { Metadata = pod.Metadata with { DeletionTimestamp = DateTimeOffset.UtcNow, DeletionGracePeriodSeconds = 20 } });
        Assert.True(await running);
        Assert.True(reporter.Removed);
        Assert.Equal("c", reporter.Container!.Name);
        Assert.NotNull(reporter.Container.State!.Terminated);
    }

    [Fact]
    public async Task Run_UnknownImage_WaitsWithErrImageNeverPull()
    {
        Start(Pods.Make("""{"name":"c","image":"nginx:1"}"""));
        await Poll.UntilAsync(() => reporter.Container?.State?.Waiting is { Reason: "ErrImageNeverPull" }, "the refusal");
        Assert.Equal("Pending", reporter.Last!.Phase);
        Assert.StartsWith("not supported here: image \"nginx:1\"", reporter.Container!.State!.Waiting!.Message, StringComparison.Ordinal);
        Assert.Contains(reporter.Events, e => e.StartsWith("ErrImageNeverPull", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_UnsupportedFeature_IsRefusedAndNeverStarted()
    {
        var pod = Pods.Make("""{"name":"c","image":"sleep","args":["1000"],"lifecycle":{"preStop":{"exec":{"command":["x"]}}}}""");
        Start(pod);
        await Poll.UntilAsync(() => reporter.Container?.State?.Waiting is { Reason: "CreateContainerConfigError" }, "the refusal");
        Assert.StartsWith("not supported here: lifecycle hooks", reporter.Container!.State!.Waiting!.Message, StringComparison.Ordinal);
        Assert.Null(ProcessOf(pod));
    }

    [Fact]
    public async Task Run_FieldsWithoutEffect_AreSaidOnceInAnEvent()
    {
        Start(Pods.Make("""{"name":"c","image":"sleep","args":["1000"],"resources":{"limits":{"memory":"1Gi"}},"securityContext":{"runAsNonRoot":true}}"""));
        await ReadyAsync();
        Assert.Equal("WithoutEffect: Without effect here: resources of container c, securityContext of container c", Assert.Single(reporter.Events, e => e.StartsWith("WithoutEffect", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Run_WorkingDirInAVolume_IsWhereTheProgramStarts()
    {
        var pod = Pods.Make("""{"name":"c","image":"sh","args":["pwd; exec sleep 1000"],"workingDir":"/data/new/folder","volumeMounts":[{"name":"d","mountPath":"/data"}]}""",
            volumes: """[{"name":"d","persistentVolumeClaim":{"claimName":"data"}}]""");
        Start(pod);
        var log = runtime.Records.LogFile(pod.Metadata.Uid, "c");
        await Poll.UntilAsync(() => File.Exists(log) && File.ReadAllText(log).EndsWith('\n'), "the working folder");
        Assert.Equal(Path.Combine(folder.File("volumes"), "ns", "data", "new", "folder"), (await File.ReadAllTextAsync(log)).Trim());
    }

    [Fact]
    public async Task Run_WorkingDirThatAConfigMapDoesNotHave_WaitsAndSaysSo()
    {
        objects.ConfigMaps["ns/settings"] = new() { ["a"] = "1"u8.ToArray() };
        Start(Pods.Make("""{"name":"c","image":"sleep","args":["1000"],"workingDir":"/etc/settings/sub","volumeMounts":[{"name":"m","mountPath":"/etc/settings"}]}""", volumes: """[{"name":"m","configMap":{"name":"settings"}}]"""));
        await Poll.UntilAsync(() => reporter.Container?.State?.Waiting is { Reason: "CreateContainerConfigError" }, "the refusal");
        Assert.Equal("workingDir /etc/settings/sub is not a folder of volume m", reporter.Container!.State!.Waiting!.Message);
    }

    [Fact]
    public async Task Run_LivenessProbeWithAGraceOfItsOwn_KillsAfterThatOne()
    {
        // Deaf to SIGTERM; the pod's own grace would be ten minutes. A host that is a name, as tcpSocket allows.
        var pod = Pods.Make("""{"name":"c","image":"sh","args":["trap '' TERM; while :; do sleep 1; done"],"livenessProbe":{"tcpSocket":{"host":"localhost","port":1},"periodSeconds":1,"failureThreshold":1,"terminationGracePeriodSeconds":1}}""");
        Start(pod with { Spec = pod.Spec with { TerminationGracePeriodSeconds = 600 } });
        await Poll.UntilAsync(() => reporter.Container is { RestartCount: >= 1 }, "the restart");
    }

    [Fact]
    public async Task Run_MissingConfigMapKey_WaitsAndStartsOnceItIsThere()
    {
        objects.ConfigMaps["ns/settings"] = [];
        var worker = Start(Pods.Make("""{"name":"c","image":"sleep","args":["$(SECONDS_TO_SLEEP)"],"env":[{"name":"SECONDS_TO_SLEEP","valueFrom":{"configMapKeyRef":{"name":"settings","key":"seconds"}}}]}"""));
        await Poll.UntilAsync(() => reporter.Container?.State?.Waiting is { Reason: "CreateContainerConfigError" }, "the missing key");
        Assert.Equal("couldn't find key seconds in ConfigMap ns/settings", reporter.Container!.State!.Waiting!.Message);

        objects.ConfigMaps["ns/settings"] = new() { ["seconds"] = "1000"u8.ToArray() };
        worker.ConfigChanged();

        await ReadyAsync();
    }

    [Fact]
    public async Task Run_UnboundClaim_WaitsForIt()
    {
        objects.ClaimProblems["ns/data"] = "waiting";
        var pod = Pods.Make("""{"name":"c","image":"sh","args":["echo $DIR >$DIR/seen; exec sleep 1000"],"env":[{"name":"DIR","value":"/data"}],"volumeMounts":[{"name":"d","mountPath":"/data"}]}""",
            volumes: """[{"name":"d","persistentVolumeClaim":{"claimName":"data"}}]""");
        var worker = Start(pod);
        await Poll.UntilAsync(() => reporter.Container?.State?.Waiting is { Message: "waiting" }, "the wait");
        objects.ClaimProblems.Clear();
        worker.ConfigChanged();
        var seen = Path.Combine(folder.File("volumes"), "ns", "data", "seen");
        await Poll.UntilAsync(() => File.Exists(seen) && File.ReadAllText(seen).Length > 0, "the file on the claim");
        Assert.Equal(Path.GetDirectoryName(seen), (await File.ReadAllTextAsync(seen)).Trim());
    }

    [Fact]
    public async Task Run_ContainerThatCrashes_IsRestartedWithBackOffAndSaysSo()
    {
        Start(Pods.Make("""{"name":"c","image":"sh","args":["echo run; exit 3"]}"""));
        await Poll.UntilAsync(() => reporter.Container is { RestartCount: >= 2 }, "two restarts");
        await Poll.UntilAsync(() => reporter.Container?.State?.Waiting is { Reason: "CrashLoopBackOff" }, "the back-off");
        Assert.Equal((3, "Error"), (reporter.Container!.LastState!.Terminated!.ExitCode, reporter.Container.LastState.Terminated.Reason));
        Assert.Equal("Running", reporter.Last!.Phase);
        Assert.Contains(reporter.Last.Conditions!, condition => condition is { Type: "Ready", Status: "False" });
        Assert.Contains(reporter.Events, e => e.StartsWith("BackOff", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Never", "exit 0", "Succeeded")]
    [InlineData("Never", "exit 5", "Failed")]
    [InlineData("OnFailure", "exit 0", "Succeeded")]
    public async Task Run_ContainerThatEndsForGood_GivesThePhase(string policy, string command, string phase)
    {
        Start(Pods.Make($$"""{"name":"c","image":"sh","args":["{{command}}"]}""", policy));
        await Poll.UntilAsync(() => reporter.Last?.Phase == phase, phase);
        Assert.Equal(0, reporter.Container!.RestartCount);
    }

    [Fact]
    public async Task Run_HttpServer_IsReadyWhenItAnswersAndRestartedWhenItStopsAnswering()
    {
        // Ready after the file "go" exists; dead after the file "die" exists.
        var pod = Pods.Make("""
            {"name":"c","image":"node","args":["const fs=require('fs');require('http').createServer((q,s)=>{s.statusCode=q.url==='/ready'?(fs.existsSync('go')?200:503):(fs.existsSync('die')?500:200);s.end()}).listen(8080,process.env.POD_IP)"],
             "env":[{"name":"POD_IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}}],"ports":[{"name":"http","containerPort":8080}],
             "startupProbe":{"tcpSocket":{"port":"http"},"periodSeconds":1,"failureThreshold":60,"timeoutSeconds":10},
             "readinessProbe":{"httpGet":{"path":"/ready","port":"http"},"periodSeconds":1,"timeoutSeconds":10},
             "livenessProbe":{"httpGet":{"path":"/live","port":8080},"periodSeconds":1,"failureThreshold":2,"timeoutSeconds":10}}
            """);
        Start(pod);
        await Poll.UntilAsync(() => reporter.Container is { Started: true, Ready: false }, "the start");
        await File.WriteAllTextAsync(Path.Combine(runtime.Records.Folder(pod.Metadata.Uid), "go"), "");
        await ReadyAsync();

        await File.WriteAllTextAsync(Path.Combine(runtime.Records.Folder(pod.Metadata.Uid), "die"), "");

        await Poll.UntilAsync(() => reporter.Container is { RestartCount: 1 }, "the restart");
        Assert.Contains(reporter.Events, e => e.StartsWith("Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500", StringComparison.Ordinal));
        Assert.Contains(reporter.Events, e => e.StartsWith("Killing", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_ProbeThatNeverPasses_NeverBecomesReady()
    {
        Start(Pods.Make("""{"name":"c","image":"sleep","args":["1000"],"readinessProbe":{"tcpSocket":{"port":1},"periodSeconds":1}}"""));
        await Poll.UntilAsync(() => reporter.Events.Any(e => e.StartsWith("Unhealthy: Readiness", StringComparison.Ordinal)), "the failed probe");
        Assert.False(reporter.Container!.Ready);
        Assert.Contains(reporter.Last!.Conditions!, condition => condition is { Type: "Ready", Status: "False", Reason: "ContainersNotReady" });
    }

    [Fact]
    public async Task Run_AfterTheWorkerWasAbandoned_AdoptsTheSameProcess()
    {
        var pod = Pods.Make(Sleeper);
        Start(pod);
        await ReadyAsync();
        var process = await ProcessAsync(pod);
        await AbandonAsync();
        Assert.True(process.IsAlive);

        var record = Assert.Single(runtime.Records.LoadAll((_, _) => { }));
        Start(pod with { Status = JsonSerializer.SerializeToNode(reporter.Last, Kubernetes.Models.KubernetesJson.Options)!.AsObject() }, record);

        await Poll.UntilAsync(() => reporter.Container is { Ready: true }, "ready again");
        Assert.Equal(process, ProcessOf(pod));
        Assert.Equal(0, reporter.Container!.RestartCount);

        // An adopted process that ends is noticed and started again.
        Assert.True(ProcessSignals.TrySend(process, UnixSignal.Kill));
        await Poll.UntilAsync(() => reporter.Container is { RestartCount: 1, Ready: true }, "the restart");
        Assert.Equal("ContainerStatusUnknown", reporter.Container!.LastState!.Terminated!.Reason);
    }

    [Fact]
    public async Task Run_RecordOfAPidThatIsSomebodyElseNow_StartsAfreshAndLeavesThatAlone()
    {
        using var other = DetachedProcess.Start(new DetachedStart(["sleep", "1000"], new Dictionary<string, string>(StringComparer.Ordinal) { ["PATH"] = "/usr/bin:/bin" }, folder.Path, folder.File("other.log"), folder.File("other.proc")));
        try
        {
            var pod = Pods.Make(Sleeper);
            var stale = other.Identity with { StartTime = other.Identity.StartTime - 5 };
            var record = NewRecord(pod) with
            {
                Containers = System.Collections.Immutable.ImmutableSortedDictionary<string, ContainerRecord>.Empty.Add("c", new ContainerRecord { Process = stale, StartedAt = DateTimeOffset.UtcNow, Started = true }),
            };
            runtime.Records.Save(record);
            var worker = Start(pod, record);
            await Poll.UntilAsync(() => reporter.Container is { RestartCount: 1, Ready: true }, "a fresh process");
            Assert.NotEqual(other.Identity.Pid, (await ProcessAsync(pod)).Pid);
            worker.Gone();
            Assert.True(await running);
            Assert.True(other.Identity.IsAlive);
        }
        finally
        {
            ProcessSignals.TrySend(other.Identity, UnixSignal.Kill);
            await other.WaitForExitAsync(CancellationToken.None);
        }
    }

    [Fact]
    public async Task Run_ProcessStartedButNotRecorded_IsFoundByItsProcessFile()
    {
        var pod = Pods.Make(Sleeper);
        Start(pod);
        await ReadyAsync();
        var process = await ProcessAsync(pod);
        await AbandonAsync();

        Start(pod, NewRecord(pod)); // as when the runner died before it wrote down what it had started

        await ReadyAsync();
        Assert.Equal(process, ProcessOf(pod));
    }

    [Fact]
    public async Task Run_ChangedConfigMap_ReachesTheVolumeOfARunningContainer()
    {
        objects.ConfigMaps["ns/map"] = new() { ["cells.json"] = "1"u8.ToArray() };
        var pod = Pods.Make("""{"name":"c","image":"sleep","args":["1000"],"volumeMounts":[{"name":"m","mountPath":"/map"}]}""", volumes: """[{"name":"m","configMap":{"name":"map"}}]""");
        var worker = Start(pod);
        await ReadyAsync();
        var file = Path.Combine(runtime.Records.Folder(pod.Metadata.Uid), "volumes", "m", "cells.json");
        Assert.Equal("1", await File.ReadAllTextAsync(file));
        objects.ConfigMaps["ns/map"] = new() { ["cells.json"] = "2"u8.ToArray() };
        worker.ConfigChanged();
        await Poll.UntilAsync(() => File.ReadAllText(file) == "2", "the new content");
    }

    [Fact]
    public async Task Run_ContainerThatWritesMuch_HasItsLogCut()
    {
        var pod = Pods.Make("""{"name":"c","image":"sh","args":["i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); done; exec sleep 1000"]}""");
        Start(pod);
        var log = runtime.Records.LogFile(pod.Metadata.Uid, "c");
        await Poll.UntilAsync(() => File.Exists(log + ".1") && new FileInfo(log).Length < 2000, "the cut");
        Assert.Contains("line 399", await File.ReadAllTextAsync(log + ".1"), StringComparison.Ordinal);
    }

    private PodWorker Start(PodObject pod, PodRecord? record = null)
    {
        var worker = new PodWorker(runtime, record ?? NewRecord(pod), pod);
        running = Task.Run(() => worker.RunAsync(stop.Token));
        return worker;
    }

    // As when the runner is killed: the worker is no more, the process runs on.
    private async Task AbandonAsync()
    {
        await stop.CancelAsync();
        await running;
        stop.Dispose();
        stop = new CancellationTokenSource();
    }

    private static PodRecord NewRecord(PodObject pod) => new()
    {
        Namespace = "ns",
        Name = pod.Metadata.Name,
        Uid = pod.Metadata.Uid,
        PodIP = "127.77.0.10",
        StartTime = DateTimeOffset.UtcNow,
        TerminationGracePeriodSeconds = 20,
    };

    private Task ReadyAsync() => Poll.UntilAsync(() => reporter.Container is { Ready: true }, "the container to be ready");

    /// <summary>A process notes by itself who it is, a moment after it was started.</summary>
    private async Task<ProcessIdentity> ProcessAsync(PodObject pod)
    {
        await Poll.UntilAsync(() => ProcessOf(pod) is not null, "the process's note");
        return ProcessOf(pod)!;
    }

    private ProcessIdentity? ProcessOf(PodObject pod) => ProcessIdentity.ReadFile(runtime.Records.ProcessFile(pod.Metadata.Uid, "c"));
}
