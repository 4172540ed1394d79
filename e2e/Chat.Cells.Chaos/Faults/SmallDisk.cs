using System.Diagnostics;
using Chat.Cells.Chaos.Reporting;

namespace Chat.Cells.Chaos.Faults;

/// <summary>A file system of a few megabytes that can be filled to the last byte and emptied again. Needs the right to mount (root).</summary>
public sealed class SmallDisk : IAsyncDisposable
{
    private readonly string balloon;

    private SmallDisk(string path)
    {
        Path = path;
        balloon = System.IO.Path.Combine(path, "balloon");
    }

    /// <summary>Where it is mounted.</summary>
    public string Path { get; }

    /// <summary>Mounts one in the temporary folder: not where a run's results are, so that one which an interrupted run left doesn't stand in the way of the next.</summary>
    /// <exception cref="SkippedException">This user may not mount.</exception>
    public static async Task<SmallDisk> MountAsync(int megabytes, CancellationToken cancellationToken)
    {
        var path = Directory.CreateTempSubdirectory("chat-cells-chaos-").FullName;
        var said = await RunAsync("mount", ["-t", "tmpfs", "-o", FormattableString.Invariant($"size={megabytes}m"), "chat-cells-chaos", path], cancellationToken);
        if (said is null) return new SmallDisk(path);
        Directory.Delete(path);
        throw new SkippedException($"a small file system can't be mounted here (root may): {said}");
    }

    /// <summary>Takes all room that is left.</summary>
    public void Fill()
    {
        using var file = new FileStream(balloon, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var chunk = new byte[64 * 1024];
        while (chunk.Length > 0)
        {
            try
            {
                file.Write(chunk);
            }
            catch (IOException)
            {
                // Full for so much; smaller pieces may still fit.
                chunk = chunk.Length > 512 ? new byte[chunk.Length / 2] : [];
            }
        }
    }

    /// <summary>Gives the room back.</summary>
    public void Free() => File.Delete(balloon);

    public async ValueTask DisposeAsync()
    {
        if (await RunAsync("umount", [Path], CancellationToken.None) is { } said) throw new HarnessException($"{Path} could not be unmounted: {said}");
        Directory.Delete(Path);
    }

    private static async Task<string?> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false };
        try
        {
            using var process = Process.Start(start)!;
            var said = await process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode == 0 ? null : said.Trim();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return e.Message;
        }
    }
}
