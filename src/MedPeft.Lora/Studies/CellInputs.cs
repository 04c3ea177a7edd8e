using System.Security.Cryptography;
using System.Text;
using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;

namespace MedPeft.Lora.Studies;

/// <summary>What a cell starts from, checked: its images and the hash of its checkpoint.</summary>
internal sealed record CellInputs(ImageDataset Train, ImageDataset Validation, ImageDataset Test, string Checkpoint, string CheckpointSha256)
{
    /// <exception cref="DatasetException">A list cannot be used, or has another number of images than the study wants.</exception>
    /// <exception cref="CheckpointException">The checkpoint is missing, or another one than the study wants.</exception>
    public static CellInputs Open(Study study, StudyCell cell)
    {
        var checkpoint = study.At(cell.Backbone.Path);
        var hash = Hash(checkpoint);
        if (cell.Backbone.Sha256 is { } wanted && wanted != hash)
            throw new CheckpointException(checkpoint, $"its SHA-256 is {hash}, and the study wants {wanted}. Use the checkpoint that the study means, or correct \"sha256\".");
        var root = study.At(cell.Dataset.Root);
        var train = cell.Dataset.Open(root, cell.Train.List, cell.Dicom);
        if (cell.Train.Draw) train = StudyDisk.Draw(train, cell.Train.Fraction);
        var validation = cell.Dataset.Open(root, cell.Dataset.Validation, cell.Dicom);
        var test = cell.Dataset.Open(root, cell.Dataset.Test, cell.Dicom);
        Count(cell.Train.List, train, cell.Train.Images, root);
        Count(cell.Dataset.Validation, validation, cell.Dataset.ValidationImages, root);
        Count(cell.Dataset.Test, test, cell.Dataset.TestImages, root);
        return new CellInputs(train, validation, test, checkpoint, hash);
    }

    public static CellData Describe(ImageDataset data, string root)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var record in data)
        {
            var labels = string.Concat(record.Labels.Select(label => float.IsNaN(label) ? '?' : label == 1 ? '1' : '0'));
            hash.AppendData(Encoding.UTF8.GetBytes($"{Path.GetRelativePath(root, record.Path).Replace('\\', '/')} {labels}\n"));
        }

        return new CellData(data.Count, data.PatientCount, [.. data.LabelCounts.Select(count => count.Positives)], Convert.ToHexString(hash.GetHashAndReset()).ToLowerInvariant());
    }

    public static string Hash(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return Convert.ToHexString(SHA256.HashData(stream)).ToLowerInvariant();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, error is FileNotFoundException or DirectoryNotFoundException
                ? "does not exist. Put the checkpoint there, or name its path in the study."
                : $"cannot be read: {error.Message}", innerException: error);
        }
    }

    private static void Count(string? list, ImageDataset data, int? wanted, string root)
    {
        if (wanted is { } number && data.Count != number) throw new DatasetException(root, $": {StudyDisk.CountProblem(list, data.Count, number)}");
    }
}
