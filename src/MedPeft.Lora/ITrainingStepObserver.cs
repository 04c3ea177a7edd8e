using static TorchSharp.torch;

namespace MedPeft.Lora;

/// <summary>What a method asks of the loop that trains it: a term in the loss, and to hear of each step. <c>Trainer</c> does both; a loop of your own must.</summary>
public interface ITrainingStepObserver
{
    /// <summary>A term to add to the loss before <c>backward</c>; null where the method has none.</summary>
    /// <returns>A scalar with gradients, caller owns.</returns>
    Tensor? Penalty();

    /// <summary>To be called after each step of the optimizer, while the gradients are still there.</summary>
    /// <param name="step">Steps made so far, this one included: the first is 1.</param>
    /// <param name="steps">Steps that the training will have.</param>
    void AfterStep(long step, long steps);
}
