using System.Security.Cryptography;

namespace Chat.Cells.Cell.Hosting;

/// <summary>Reads the secrets folder, and again when it changed (looked at every second: mounted Secrets change by a swapped link).</summary>
public sealed partial class SecretsFolder : BackgroundService
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);
    private readonly string path;
    private readonly TimeProvider time;
    private readonly ILogger<SecretsFolder> logger;
    private volatile CellSecrets current;
    private string fingerprint;

    /// <exception cref="OptionsException">The folder has no usable signing key.</exception>
    public SecretsFolder(CellOptions options, TimeProvider time, ILogger<SecretsFolder> logger)
    {
        path = options.SecretsDirectory;
        this.time = time;
        this.logger = logger;
        if (options.GenerateSecrets) Generate(path);
        try
        {
            var files = ReadFiles();
            fingerprint = Fingerprint(files);
            current = CellSecrets.Read(files);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new OptionsException($"--secrets '{path}' can't be read: {e.Message}");
        }
        if (current.Keys.Count == 0) throw new OptionsException($"--secrets '{path}' has no signing key (signing-<kid>.pem).");
    }

    public CellSecrets Current => current;

    /// <summary>Raised after <see cref="Current"/> has changed. A handler must not throw.</summary>
    public event Action? Changed;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(PollInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) Poll();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    /// <summary>Looks at the folder once; a folder that can't be used leaves everything as it is.</summary>
    public void Poll()
    {
        try
        {
            var files = ReadFiles();
            var now = Fingerprint(files);
            if (now == fingerprint) return;
            var read = CellSecrets.Read(files);
            fingerprint = now;
            if (read.Keys.Count == 0)
            {
                LogUnusable("it has no signing key");
                return;
            }
            current = read;
            LogChanged(read.Keys.Count);
            Changed?.Invoke();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or Topology.CellMapException)
        {
            LogUnusable(e.Message);
        }
    }

    private Dictionary<string, string> ReadFiles() =>
        Directory.EnumerateFiles(path).Where(f => !Path.GetFileName(f).StartsWith('.')).ToDictionary(f => Path.GetFileName(f), File.ReadAllText, StringComparer.Ordinal);

    private static string Fingerprint(Dictionary<string, string> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, text) in files.OrderBy(f => f.Key, StringComparer.Ordinal)) hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{name}\n{text.Length}\n{text}\n"));
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static void Generate(string path)
    {
        Directory.CreateDirectory(path);
        if (Directory.GetFiles(path, "signing-*.pem").Length == 0) Write(Path.Combine(path, "signing-0001.pem"), SigningKey.CreatePem());
        var token = Path.Combine(path, CellSecrets.InternalTokenFile);
        if (!File.Exists(token)) Write(token, System.Buffers.Text.Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));
    }

    private static void Write(string file, string text)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var stream = new FileStream(file, options);
        stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
    }

    [LoggerMessage(100, LogLevel.Information, "Secrets changed: {Keys} signing keys.")]
    private partial void LogChanged(int keys);

    [LoggerMessage(101, LogLevel.Warning, "The secrets folder can't be used as it is now and stays as it was: {Reason}.")]
    private partial void LogUnusable(string reason);

    [LoggerMessage(102, LogLevel.Debug, "Secrets are no longer watched.")]
    private partial void LogStopped();
}
