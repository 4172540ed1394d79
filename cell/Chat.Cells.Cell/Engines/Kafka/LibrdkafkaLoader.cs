using System.Reflection;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// Finds the native librdkafka for Confluent.Kafka where the redist package isn't installed: the file named by <c>CHATCELLS_LIBRDKAFKA</c>, else
/// <c>librdkafka.so</c> beside the application, else the one that <c>make setup</c> built, else the package's or the system's.
/// </summary>
public static class LibrdkafkaLoader
{
    /// <summary>Environment variable with the path of <c>librdkafka.so.1</c>.</summary>
    public const string PathVariable = "CHATCELLS_LIBRDKAFKA";

    /// <summary>The version that this Confluent.Kafka is made for; an older library lacks functions that it calls.</summary>
    public const string WantedVersion = "2.15.1";

    private static readonly Lazy<nint> Loaded = new(Load);

    /// <summary>Has Confluent.Kafka use the native library; call before its first use. Calling it again changes nothing.</summary>
    /// <exception cref="DllNotFoundException">No usable library; the message says what to do.</exception>
    public static void EnsureLoaded() => _ = Loaded.Value;

    /// <summary>Lets another assembly's own imports of <c>librdkafka</c> find the same library; call once per assembly.</summary>
    /// <exception cref="DllNotFoundException">No usable library; the message says what to do.</exception>
    public static void ResolveFor(Assembly assembly)
    {
        var handle = Loaded.Value;
        NativeLibrary.SetDllImportResolver(assembly, (name, _, _) => name.Contains("librdkafka", StringComparison.Ordinal) ? handle : 0);
    }

    /// <summary>Where <c>make setup</c> keeps what it builds, for all clones of one user; null where the user has no home.</summary>
    public static string? CachePath(Func<string, string?> variable)
    {
        var cache = variable("XDG_CACHE_HOME") is { Length: > 0 } named ? named : variable("HOME") is { Length: > 0 } home ? Path.Combine(home, ".cache") : null;
        return cache is null ? null : Path.Combine(cache, "chat-cells", $"librdkafka-{WantedVersion}", "librdkafka.so.1");
    }

    /// <summary>Why a library of that version can't be used; null when it can. Newer ones of the same major version keep the interface.</summary>
    public static string? WrongVersion(string version)
    {
        // A pre-release is named "2.15.1-RC1".
        if (!Version.TryParse(version.Split('-')[0], out var have)) return $"it says that its version is '{version}'";
        var wanted = Version.Parse(WantedVersion);
        return have.Major == wanted.Major && have >= wanted ? null : $"it is version {version}, and {WantedVersion} is needed";
    }

    private static nint Load()
    {
        var handle = Find();
        DllImportResolver resolve = (name, _, _) => name.Contains("librdkafka", StringComparison.Ordinal) ? handle : 0;
        NativeLibrary.SetDllImportResolver(typeof(Library).Assembly, resolve);
        if (typeof(LibrdkafkaLoader).Assembly is var own && own != typeof(Library).Assembly) NativeLibrary.SetDllImportResolver(own, resolve);
        return handle;
    }

    private static nint Find()
    {
        var named = Environment.GetEnvironmentVariable(PathVariable);
        if (!string.IsNullOrEmpty(named))
        {
            if (!NativeLibrary.TryLoad(named, out var handle)) throw new DllNotFoundException($"{PathVariable} names '{named}', which can't be loaded: `make setup` builds librdkafka (docs/kafka.md).");
            return WrongVersion(VersionOf(handle)) is { } why ? throw new DllNotFoundException($"{PathVariable} names '{named}', which can't be used: {why}.") : handle;
        }
        var unusable = "";
        foreach (var (path, load) in Candidates())
        {
            if (!load(out var handle)) continue;
            if (WrongVersion(VersionOf(handle)) is not { } why) return handle;
            unusable += $" {path} can't be used: {why}.";
        }
        throw new DllNotFoundException($"librdkafka was not found.{unusable} `make setup` builds it; or set {PathVariable} to the path of librdkafka.so.1 ({WantedVersion}): docs/kafka.md.");
    }

    private static IEnumerable<(string Path, TryLoad Load)> Candidates()
    {
        var beside = Path.Combine(AppContext.BaseDirectory, "librdkafka.so");
        yield return (beside, (out nint handle) => NativeLibrary.TryLoad(beside, out handle));
        if (CachePath(Environment.GetEnvironmentVariable) is { } cached) yield return (cached, (out nint handle) => NativeLibrary.TryLoad(cached, out handle));
        yield return ("the package's or the system's", (out nint handle) => NativeLibrary.TryLoad("librdkafka", typeof(Library).Assembly, DllImportSearchPath.SafeDirectories, out handle));
    }

    private delegate bool TryLoad(out nint handle);

    private static string VersionOf(nint library)
    {
        if (!NativeLibrary.TryGetExport(library, "rd_kafka_version_str", out var function)) return "unknown";
        unsafe
        {
            return Marshal.PtrToStringUTF8(((delegate* unmanaged[Cdecl]<nint>)function)()) ?? "unknown";
        }
    }
}
