namespace Chat.Cells.Cell.Accounts;

/// <summary>A request that is refused, with the code and status of its problem document.</summary>
public sealed class AccountException(int status, string code, string message) : Exception(message)
{
    public int Status { get; } = status;
    public string Code { get; } = code;
}
