using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.PodRunner.State;

/// <summary>What the runner must know about a pod after its own restart. One small file per pod.</summary>
public sealed record PodRecord
{
    public required string Namespace { get; init; }

    public required string Name { get; init; }

    public required string Uid { get; init; }

    public required string PodIP { get; init; }

    public DateTimeOffset StartTime { get; init; }

    public long TerminationGracePeriodSeconds { get; init; } = 30;

    public ImmutableSortedDictionary<string, ContainerRecord> Containers { get; init; } = ImmutableSortedDictionary<string, ContainerRecord>.Empty;
}

/// <summary>One container: how often it ran, and how its last run ended.</summary>
public sealed record ContainerRecord
{
    public int RestartCount { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>The running process; null when none runs.</summary>
    public ProcessIdentity? Process { get; init; }

    public TerminationRecord? LastTermination { get; init; }

    /// <summary>Failures in a row, for the back-off.</summary>
    public int FailuresInARow { get; init; }

    /// <summary>The startup probe has passed in this run.</summary>
    public bool Started { get; init; }
}

/// <summary>How a run ended.</summary>
/// <param name="ExitCode">The exit code; 137 when it is not known because nobody waited.</param>
/// <param name="Reason">Completed, Error or ContainerStatusUnknown.</param>
public sealed record TerminationRecord(int ExitCode, string Reason, string? Message, DateTimeOffset StartedAt, DateTimeOffset FinishedAt);

/// <summary>Keeps pod records under <c>&lt;data&gt;/pods/&lt;uid&gt;/pod.json</c>.</summary>
/// <param name="podsFolder">The folder of all pods.</param>
public sealed class PodRecordStore(string podsFolder)
{
    /// <summary>The folder of one pod.</summary>
    public string Folder(string uid) => Path.Combine(podsFolder, uid);

    /// <summary>The file that a container's process leaves its identity in.</summary>
    public string ProcessFile(string uid, string container) => Path.Combine(Folder(uid), container + ".proc");

    /// <summary>The container's log.</summary>
    public string LogFile(string uid, string container) => Path.Combine(Folder(uid), container + ".log");

    /// <summary>The log of the run before.</summary>
    public string PreviousLogFile(string uid, string container) => Path.Combine(Folder(uid), container + ".prev.log");

    /// <summary>Every container of a pod that a process was ever started for: those of its record, and those that only left a process file.</summary>
    public IReadOnlyCollection<string> Containers(PodRecord record)
    {
        var names = new SortedSet<string>(record.Containers.Keys, StringComparer.Ordinal);
        if (Directory.Exists(Folder(record.Uid)))
        {
            names.UnionWith(Directory.EnumerateFiles(Folder(record.Uid), "*.proc").Select(file => Path.GetFileNameWithoutExtension(file)));
        }

        return names;
    }

    /// <summary>The pod's processes that run now.</summary>
    public IReadOnlyList<ProcessIdentity> Running(PodRecord record) =>
        [.. Containers(record).Select(name => ProcessIdentity.ReadFile(ProcessFile(record.Uid, name)) ?? record.Containers.GetValueOrDefault(name)?.Process).OfType<ProcessIdentity>().Where(process => process.IsAlive)];

    /// <summary>Every pod known on this machine. A record that cannot be read is reported and left where it is.</summary>
    public IReadOnlyList<PodRecord> LoadAll(Action<string, Exception> unreadable)
    {
        var records = new List<PodRecord>();
        foreach (var folder in Directory.Exists(podsFolder) ? Directory.GetDirectories(podsFolder) : [])
        {
            var file = Path.Combine(folder, "pod.json");
            try
            {
                if (File.Exists(file) && JsonSerializer.Deserialize(File.ReadAllBytes(file), PodRecordJson.Default.PodRecord) is { } record)
                {
                    records.Add(record);
                }
            }
            catch (Exception e) when (e is JsonException or IOException)
            {
                unreadable(file, e);
            }
        }

        return records;
    }

    /// <summary>Writes the record so that it survives a crash.</summary>
    public void Save(PodRecord record)
    {
        Directory.CreateDirectory(Folder(record.Uid), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        DurableFile.Write(Path.Combine(Folder(record.Uid), "pod.json"), JsonSerializer.SerializeToUtf8Bytes(record, PodRecordJson.Default.PodRecord));
    }

    /// <summary>Removes the pod's folder with its logs and its own volumes.</summary>
    public void Delete(string uid)
    {
        if (Directory.Exists(Folder(uid)))
        {
            Directory.Delete(Folder(uid), recursive: true);
        }
    }
}

[JsonSerializable(typeof(PodRecord))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
internal sealed partial class PodRecordJson : JsonSerializerContext;
